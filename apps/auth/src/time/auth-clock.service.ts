import { Injectable } from '@nestjs/common';
import type { Clock } from '@nexus/kernel';

/** What the service takes for the present moment; tests put another in its place. */
@Injectable()
export class AuthClock implements Clock {
  now(): number {
    return Date.now();
  }
}
