import { defineErrors } from '@nexus/kernel';

/** What only the user service answers. */
export const userErrors = defineErrors('user', {
  cannot_deactivate_self: { status: 409, message: 'You cannot deactivate yourself.' },
});
