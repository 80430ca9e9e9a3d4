import { defineErrors } from '@nexus/kernel';

/** The errors of the auth service. */
export const authErrors = defineErrors('auth', {
  password_too_short: { status: 400, message: 'The password must have at least 10 characters.' },
  password_too_long: { status: 400, message: 'The password must have at most 256 characters.' },
  password_too_common: { status: 400, message: 'This password is on the lists that attackers try first.' },
  password_contains_email: {
    status: 400,
    message: 'The password must not contain the name part of the e-mail address.',
  },
  password_unchanged: { status: 400, message: 'The new password is the present one.' },
  invalid_credentials: { status: 401, message: 'The e-mail address or the password is wrong.' },
  invalid_refresh_token: { status: 401, message: 'The refresh token is not valid, or its session has ended.' },
  token_reused: { status: 401, message: 'The refresh token was used before. The session has been ended.' },
  account_disabled: { status: 403, message: 'This account is deactivated.' },
  account_locked: { status: 403, message: 'This account is locked by an administrator.' },
  account_not_found: { status: 404, message: 'There is no such account.' },
  api_key_not_found: { status: 404, message: 'You have no such API key.' },
  session_not_found: { status: 404, message: 'You have no such session.' },
  email_taken: { status: 409, message: 'An account with this e-mail address exists already.' },
  api_key_limit_reached: { status: 409, message: 'You have as many API keys as one person can have. End one first.' },
  last_admin: { status: 409, message: 'The last administrator who can sign in must keep that role.' },
  too_many_failures: { status: 429, message: 'Too many failed attempts. Please wait before the next one.' },
});
