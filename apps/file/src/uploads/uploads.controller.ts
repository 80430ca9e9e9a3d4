import { Controller, Req } from '@nestjs/common';
import { Scopes } from '@nexus/auth-guards';
import { EncodedAnswer } from '@nexus/caching';
import { Caller, Ctx, Endpoint, exchangeOf } from '@nexus/http';
import type { CallContext, UserActor } from '@nexus/kernel';
import type { FastifyRequest } from 'fastify';
import { fileResource } from '../files/files.schemas.js';
import { UploadsService } from './uploads.service.js';

@Controller('api/v1/files')
export class UploadsController {
  constructor(private readonly uploads: UploadsService) {}

  @Scopes('files:write')
  @Endpoint('POST', '', {
    operation: 'uploadFile',
    summary: 'Upload a file',
    description:
      'A form (`multipart/form-data`, RFC 7578) with one part named `file` and the optional fields `project_id` and `name`, ' +
      'in any order. The content is stored as it comes; it becomes a file when all of it has arrived and fits, or not at all. ' +
      '`Content-Digest` or `Repr-Digest` with `sha-256` (RFC 9530), on the request or on the part, are checked. ' +
      'With an `Idempotency-Key` the same upload is answered again without its content being read.',
    status: 201,
    response: fileResource,
    consumes: 'stream',
    idempotency: 'handler',
    mediaTypes: { request: 'multipart/form-data' },
    form: {
      file: { description: 'The content, with its name and type.', binary: true, required: true },
      project_id: { description: 'Project that the file belongs to; without it the file is your own.' },
      name: { description: 'Name of the file; the name that came with it by default.' },
    },
    location: ({ id }: { id: string }) => `/api/v1/files/${id}`,
    errors: [
      'malformed_multipart',
      'upload_incomplete',
      'validation_failed',
      'invalid_encoding',
      'invalid_digest',
      'digest_mismatch',
      'forbidden',
      'not_found',
      'request_timeout',
      'file_too_large',
      'quota_exceeded',
      'unsupported_media_type',
      'storage_full',
    ],
  })
  async upload(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Req() { raw }: FastifyRequest,
  ): Promise<EncodedAnswer> {
    const { answer, replayed } = await this.uploads.receive(ctx, caller, raw);
    const { headers } = exchangeOf(raw);
    for (const [name, value] of Object.entries(answer.headers)) headers.push(name, value);
    if (replayed) headers.push('Idempotency-Replayed', 'true');
    // The rest of a body that is not needed: nobody waits for it.
    if (!raw.complete) exchangeOf(raw).close = true;
    return new EncodedAnswer(answer.head, answer.etag);
  }
}
