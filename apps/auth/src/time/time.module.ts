import { Module } from '@nestjs/common';
import { AuthClock } from './auth-clock.service.js';

@Module({ providers: [AuthClock], exports: [AuthClock] })
export class TimeModule {}
