import { Module } from '@nestjs/common';
import { MailModule } from '../mail/mail.module.js';
import { DevMailController } from './dev-mail.controller.js';
import { DevMailService } from './dev-mail.service.js';

@Module({ imports: [MailModule], controllers: [DevMailController], providers: [DevMailService] })
export class DevMailModule {}
