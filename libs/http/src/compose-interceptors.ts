import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';

/** An interceptor that says at once what it answers with. */
export interface DirectInterceptor extends NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown>;
}

/**
 * Several interceptors as one, the first being the outermost. Nest wraps each one that is registered in two observables,
 * a promise and an async resource; here they call each other directly.
 */
export function composeInterceptors(...interceptors: readonly DirectInterceptor[]): DirectInterceptor {
  return {
    intercept: (context, next) =>
      interceptors
        .reduceRight<CallHandler>(
          (inner, interceptor) => ({ handle: () => interceptor.intercept(context, inner) }),
          next,
        )
        .handle(),
  };
}
