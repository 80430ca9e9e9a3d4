import { Controller, Param, Req, Res } from '@nestjs/common';
import { Public } from '@nexus/auth-guards';
import { Endpoint, exchangeOf, matchesNone, writeAnswer } from '@nexus/http';
import { errors } from '@nexus/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Asset, StaticAssets } from './static-assets.js';

const assetName = z.strictObject({ name: z.string().max(64) });
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

function send(request: FastifyRequest, reply: FastifyReply, { body, contentType, etag }: Asset): void {
  const extra = ['ETag', etag, 'Cache-Control', 'public, no-cache', 'Content-Security-Policy', POLICY];
  const known = matchesNone(request.raw.headers['if-none-match'], etag);
  reply.hijack();
  writeAnswer(exchangeOf(request.raw), known ? 304 : 200, known ? undefined : body, extra, contentType);
}

/** The interactive reference, and the document it shows. */
@Public()
@Controller()
export class DocsController {
  constructor(private readonly assets: StaticAssets) {}

  @Endpoint('GET', 'docs', {
    operation: 'getDocs',
    summary: 'Interactive API reference',
    produces: 'html',
    mediaTypes: { response: 'text/html' },
  })
  page(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    send(request, reply, this.assets.page);
  }

  @Endpoint('GET', 'docs/assets/:name', {
    operation: 'getDocsAsset',
    summary: 'A file of the reference',
    produces: 'html',
    hidden: true,
  })
  async asset(
    @Param({ schema: assetName }) { name }: z.output<typeof assetName>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const found = this.assets.find(name);
    if (!found) throw errors.not_found();
    send(request, reply, await found);
  }

  @Endpoint('GET', 'api/v1/openapi.json', {
    operation: 'getOpenApi',
    summary: 'This document (OpenAPI 3.1)',
    produces: 'html',
    mediaTypes: { response: 'application/json' },
  })
  async document(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    send(request, reply, await this.assets.document());
  }
}
