import { createHmac, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { isUuid } from '@nexus/kernel';
import { DerivedKeys } from '../secrets/derived-keys.service.js';

/** What a refresh token stands for. */
export interface RefreshClaim {
  readonly sessionId: string;
  /** Which of the session's tokens it is, from 1. */
  readonly generation: number;
}

const FORM = /^([0-9a-f-]{36})\.([1-9]\d{0,9})\.([A-Za-z0-9_-]{43})$/;
const MAX_GENERATION = 2_147_483_647;

/**
 * Refresh tokens: `<session>.<generation>.<mac>`. The MAC makes them recomputable, so that no secret is stored and a
 * race's loser can be given the same successor as its winner.
 */
@Injectable()
export class RefreshTokens {
  constructor(private readonly keys: DerivedKeys) {}

  issue({ sessionId, generation }: RefreshClaim): string {
    return `${sessionId}.${generation}.${this.mac(sessionId, generation).toString('base64url')}`;
  }

  /** @returns undefined for a token that was not issued here */
  read(token: string): RefreshClaim | undefined {
    const [, sessionId, digits, mac] = FORM.exec(token) ?? [];
    if (sessionId === undefined || mac === undefined || !isUuid(sessionId)) return undefined;
    const generation = Number(digits);
    if (generation > MAX_GENERATION) return undefined;
    const given = Buffer.from(mac, 'base64url');
    // 43 characters hold 258 bits: the spare ones must be zero, or one token would have several texts.
    if (given.toString('base64url') !== mac) return undefined;
    return timingSafeEqual(given, this.mac(sessionId, generation)) ? { sessionId, generation } : undefined;
  }

  private mac(sessionId: string, generation: number): Buffer {
    return createHmac('sha256', this.keys.refreshTokens).update(`refresh\0${sessionId}\0${generation}`).digest();
  }
}
