import { Controller, Param, Req, Res } from '@nestjs/common';
import { Scopes } from '@nexus/auth-guards';
import { Ctx, Endpoint, exchangeOf, idParam } from '@nexus/http';
import type { CallContext } from '@nexus/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { ContentService } from './content.service.js';

@Controller('api/v1/files')
export class ContentController {
  constructor(private readonly content: ContentService) {}

  @Scopes('files:read')
  @Endpoint('GET', ':id/content', {
    operation: 'downloadFile',
    summary: 'Download the content of a file',
    description:
      'Also by HEAD. Takes `Range` (one or several), `If-Range`, `If-Match`, `If-None-Match`, `If-Modified-Since` and ' +
      '`If-Unmodified-Since`. The `ETag` is the sha-256 of the content. Only types that cannot carry a script are offered ' +
      'for display (`Content-Disposition: inline`); all others are to be saved.',
    produces: 'binary',
    mediaTypes: { response: '*/*' },
    alsoAnswers: { 206: 'The parts that `Range` asks for; several as `multipart/byteranges`.' },
    errors: ['file_not_found', 'stale_version', 'range_not_satisfiable'],
  })
  async send(
    @Ctx() ctx: CallContext,
    @Param({ schema: idParam }) { id }: z.output<typeof idParam>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.content.send(ctx, id, exchangeOf(request.raw), () => void reply.hijack());
  }
}
