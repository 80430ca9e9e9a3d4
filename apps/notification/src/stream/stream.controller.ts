import { Controller, Req, Res } from '@nestjs/common';
import { Scopes } from '@nexus/auth-guards';
import { Caller, commonHeaders, Endpoint, exchangeOf } from '@nexus/http';
import { errors, isUuid, type UserActor } from '@nexus/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EVENT_STREAM_HEADERS, InboxStreams } from './inbox-streams.service.js';

/** Where the client left off; an empty field is none. @throws AppError `invalid_id` */
function lastEventId(request: FastifyRequest): string | undefined {
  const { 'last-event-id': id } = request.raw.headers;
  if (id === undefined || id === '') return undefined;
  if (typeof id !== 'string' || !isUuid(id)) throw errors.invalid_id({ field: 'Last-Event-ID' });
  return id;
}

/** The caller's inbox, live. */
@Controller('api/v1/notifications')
export class StreamController {
  constructor(private readonly streams: InboxStreams) {}

  @Scopes('notifications:read')
  @Endpoint('GET', 'stream', {
    operation: 'streamNotifications',
    summary: 'New entries of your inbox as they come (server-sent events)',
    description:
      'Each `notification` event carries one entry as JSON, its `id` is the id of the entry. With `Last-Event-ID` the stream first sends everything after that entry. Without it the stream begins with what comes after it is open: list the inbox once it is, and nothing is missed. Comments every 20 s keep the connection open. The stream ends after 15 minutes, or earlier with the access token or the session, with an API key within a minute: come back with `Last-Event-ID`. Whoever opens more streams than allowed ends their oldest.',
    requestHeaders: { 'Last-Event-ID': 'Id of the last entry that the client has seen.' },
    produces: 'sse',
    mediaTypes: { response: 'text/event-stream' },
    errors: ['invalid_id'],
  })
  async stream(@Caller() caller: UserActor, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const exchange = exchangeOf(request.raw);
    const after = lastEventId(request);
    if (request.method === 'HEAD') {
      reply.hijack();
      exchange.response.writeHead(200, [...commonHeaders(exchange), ...EVENT_STREAM_HEADERS]).end();
      return;
    }
    reply.hijack();
    await this.streams.serve(exchange, caller, after);
  }
}
