import { directoryUser } from '@nexus/contracts';
import { timestamp } from '@nexus/http';
import { z } from 'zod';
import { emailAddress, passwordText, personName } from '../accounts/accounts.schemas.js';
import { passwordFaults } from '../passwords/password-policy.service.js';
import { tokenPair } from '../sessions/sessions.schemas.js';

const text = (value: unknown) => (typeof value === 'string' ? value : undefined);

export const registrationRequest = z
  .strictObject({ email: emailAddress, password: passwordText, name: personName })
  .superRefine(
    async (body: { readonly email?: unknown; readonly password?: unknown } | null, context) => {
      const password = text(body?.password);
      if (password === undefined) return;
      for (const { code, field, message } of await passwordFaults(password, text(body?.email), 'password')) {
        context.addIssue({ code: 'custom', path: [field as string], message, params: { code } });
      }
    },
    // Also beside other faults: whoever fills in the form learns of all at once.
    { when: () => true },
  );
export type RegistrationRequest = z.output<typeof registrationRequest>;

export const loginRequest = z.strictObject({ email: emailAddress, password: passwordText.min(1) });
export type LoginRequest = z.output<typeof loginRequest>;

const signedInUser = directoryUser
  .extend({ created_at: timestamp, updated_at: timestamp })
  .meta({ id: 'SignedInUser' });

export const signedIn = z.object({ user: signedInUser, tokens: tokenPair }).meta({ id: 'SignedIn' });
export type SignedIn = z.output<typeof signedIn>;
