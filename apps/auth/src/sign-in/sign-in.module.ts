import { Module } from '@nestjs/common';
import { DatabaseModule } from '@nexus/database';
import { AccountsModule } from '../accounts/accounts.module.js';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { Login } from './login.service.js';
import { Registration } from './registration.service.js';
import { SignInController } from './sign-in.controller.js';

@Module({
  imports: [DatabaseModule.forService('auth'), AccountsModule, PasswordsModule, SessionsModule],
  controllers: [SignInController],
  providers: [Login, Registration],
})
export class SignInModule {}
