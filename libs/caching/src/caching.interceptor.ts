import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { type Observable, tap } from 'rxjs';
import { EncodedAnswer } from './encoded-answer.js';
import { type FillSlot, keepAnswer, releaseFailed } from './fill-slot.js';

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
          if (answer instanceof EncodedAnswer && status === 200 && raw?.method === 'GET') keepAnswer(slot, answer);
        },
      }),
      tap({ error: (error: unknown) => releaseFailed(slot, error) }),
      tap({ complete: () => slot.fill.release(), unsubscribe: () => slot.fill.release() }),
    );
  }
}
