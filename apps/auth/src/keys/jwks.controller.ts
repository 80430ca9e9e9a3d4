import { Controller, Req, Res } from '@nestjs/common';
import { Public } from '@nexus/auth-guards';
import { publicJwk } from '@nexus/contracts';
import { Endpoint, entityTag, exchangeOf, matchesNone, writeAnswer } from '@nexus/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { SigningKeys } from './signing-keys.service.js';

const jwkSet = z.object({ keys: z.array(publicJwk) }).meta({ id: 'JwkSet' });

/** How long others may keep the set, in s. The next key is in it before it signs, and a key stays while its tokens live. */
const CACHE_CONTROL = 'public, max-age=300';

@Public()
@Controller('.well-known')
export class JwksController {
  constructor(private readonly keys: SigningKeys) {}

  @Endpoint('GET', 'jwks.json', {
    operation: 'getJwks',
    summary: 'Public keys of access tokens',
    description: 'A JWK set (RFC 7517 §5), not wrapped. Keys rotate: look for the `kid` of the token.',
    response: jwkSet,
    // The format is the RFC's, so the answer is written here and no envelope is put around it.
    produces: 'binary',
    mediaTypes: { response: 'application/json' },
    timeoutMs: 10_000,
    priority: 'user_read',
  })
  async jwks(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const body = JSON.stringify({ keys: await this.keys.published() });
    const exchange = exchangeOf(request.raw);
    const tag = entityTag(body, undefined);
    const known = matchesNone(request.raw.headers['if-none-match'], tag);
    reply.hijack();
    writeAnswer(exchange, known ? 304 : 200, known ? undefined : body, ['Cache-Control', CACHE_CONTROL, 'ETag', tag]);
  }
}
