import { z } from 'zod';
import { passwordText } from '../accounts/accounts.schemas.js';

export const passwordChangeRequest = z.strictObject({
  current_password: passwordText.min(1),
  new_password: passwordText,
});
export type PasswordChangeRequest = z.output<typeof passwordChangeRequest>;
