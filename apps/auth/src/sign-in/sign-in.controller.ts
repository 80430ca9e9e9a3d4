import { Body, Controller } from '@nestjs/common';
import { Public } from '@nexus/auth-guards';
import { Ctx, Endpoint } from '@nexus/http';
import type { CallContext } from '@nexus/kernel';
import { CredentialLimit } from '@nexus/throttling';
import { Login } from './login.service.js';
import { Registration } from './registration.service.js';
import {
  type LoginRequest,
  loginRequest,
  type RegistrationRequest,
  registrationRequest,
  type SignedIn,
  signedIn,
} from './sign-in.schemas.js';

const SMALL_BODY = 16 * 1024;

@Public()
@CredentialLimit('sign_in')
@Controller('api/v1/auth')
export class SignInController {
  constructor(
    private readonly registration: Registration,
    private readonly logins: Login,
  ) {}

  @Endpoint('POST', 'register', {
    operation: 'register',
    summary: 'Make an account and sign in',
    description:
      'A password has 10 to 256 characters, is not on the list of common passwords, and does not contain the name part of the e-mail address.',
    status: 201,
    response: signedIn,
    errors: [
      'email_taken',
      'password_too_short',
      'password_too_long',
      'password_too_common',
      'password_contains_email',
    ],
    location: (data: SignedIn) => `/api/v1/users/${data.user.id}`,
    idempotency: 'refused',
    priority: 'sign_in',
    maxBodyBytes: SMALL_BODY,
  })
  register(
    @Ctx() ctx: CallContext,
    @Body({ schema: registrationRequest }) body: RegistrationRequest,
  ): Promise<SignedIn> {
    return this.registration.register(ctx, body);
  }

  @Endpoint('POST', 'login', {
    operation: 'login',
    summary: 'Sign in with a password',
    description:
      'After ten failures for an e-mail address within 15 minutes it has to wait before it may be tried again, longer each time, wherever the attempts come from and whether or not somebody has the address.',
    response: signedIn,
    errors: ['invalid_credentials', 'too_many_failures', 'account_locked', 'account_disabled'],
    idempotency: 'refused',
    priority: 'sign_in',
    maxBodyBytes: SMALL_BODY,
  })
  login(@Ctx() ctx: CallContext, @Body({ schema: loginRequest }) body: LoginRequest): Promise<SignedIn> {
    return this.logins.login(ctx, body);
  }
}
