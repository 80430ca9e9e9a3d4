import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { EncodedAnswer } from '@nexus/caching';
import type { Page } from '@nexus/kernel';
import type { FastifyRequest } from 'fastify';
import { map, type Observable } from 'rxjs';
import { type EndpointMetadata, endpointOf } from './endpoint.decorator.js';
import { entityTag } from './entity-tag.js';
import { exchangeOf } from './exchange.js';

/**
 * Puts what a handler returns into the envelope, up to the request id: that part is the same for everyone who may
 * see it, so it is what the cache and the idempotency store keep.
 */
@Injectable()
export class AnswerInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const endpoint = endpointOf(context.getHandler());
    if (!endpoint || (endpoint.produces ?? 'json') !== 'json') return next.handle();
    return next.handle().pipe(
      map((value) => {
        if (value instanceof EncodedAnswer) return value;
        return encode(endpoint, value, context);
      }),
    );
  }
}

function encode(endpoint: EndpointMetadata, value: unknown, context: ExecutionContext): EncodedAnswer | undefined {
  if (endpoint.list) return encodeList(value as Page<unknown>);
  if (value === undefined) return undefined;
  const json = JSON.stringify(value);
  const version = (value as { version?: unknown } | null)?.version;
  const etag = entityTag(json, typeof version === 'number' ? version : undefined);
  if (endpoint.location) {
    const { raw } = context.switchToHttp().getRequest<FastifyRequest>();
    exchangeOf(raw).headers.push('Location', endpoint.location(value as never));
  }
  return new EncodedAnswer(`{"success":true,"data":${json},"request_id":"`, etag);
}

function encodeList(page: Page<unknown>): EncodedAnswer {
  const data = JSON.stringify(page.items);
  const meta = JSON.stringify({ limit: page.limit, next_cursor: page.nextCursor, total: page.total });
  return new EncodedAnswer(`{"success":true,"data":${data},"page":${meta},"request_id":"`);
}
