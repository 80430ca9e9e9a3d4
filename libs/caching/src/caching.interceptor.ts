import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { finalize, type Observable, tap } from 'rxjs';
import type { CachePolicy } from './cache-policy.js';
import type { CacheFill } from './cached-answer.js';
import { EncodedAnswer } from './encoded-answer.js';

const JSON_TYPE = 'application/json; charset=utf-8';

/** What the policy chain leaves on the raw request as `nexus.fill` when the route's answer may be kept. */
export interface FillSlot {
  readonly fill: CacheFill;
  readonly policy: CachePolicy;
  /** {@link CachePolicy} `tags`, expanded. */
  readonly tags: readonly string[];
}

interface RequestWithSlot {
  readonly raw?: { readonly method?: string; readonly nexus?: { readonly fill?: FillSlot } };
}

/**
 * Keeps what the handler answered, where the policy chain has opened a fill. Must be the outermost interceptor, so that
 * what it keeps is final. Every other end (another status, an error, nothing) lets the followers go on.
 */
@Injectable()
export class CachingInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const raw = http.getRequest<RequestWithSlot>().raw;
    const slot = raw?.nexus?.fill;
    if (slot === undefined) return next.handle();
    let answer: unknown;
    return next.handle().pipe(
      tap({
        next: (value) => {
          answer = value;
        },
        complete: () => {
          const status = http.getResponse<{ statusCode: number }>().statusCode;
          // A HEAD handler of its own may answer less than GET does.
          if (answer instanceof EncodedAnswer && status === 200 && raw?.method === 'GET') keep(slot, answer);
        },
      }),
      finalize(() => slot.fill.release()),
    );
  }
}

function keep({ fill, policy, tags }: FillSlot, answer: EncodedAnswer): void {
  // Not Buffer.from: that takes small ones out of a shared block, which a single long-lived answer would hold whole.
  const head = Buffer.allocUnsafeSlow(Buffer.byteLength(answer.head));
  head.write(answer.head);
  const ttlMs = policy.ttlSeconds === undefined ? undefined : policy.ttlSeconds * 1000;
  fill.store({ head, etag: answer.etag, contentType: JSON_TYPE }, { tags, ttlMs });
}
