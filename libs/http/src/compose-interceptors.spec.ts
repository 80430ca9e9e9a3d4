import { AsyncLocalStorage } from 'node:async_hooks';
import type { ExecutionContext } from '@nestjs/common';
import { defer, firstValueFrom, map, of } from 'rxjs';
import { composeInterceptors, type DirectInterceptor } from './compose-interceptors.js';

const context = {} as ExecutionContext;

function marking(name: string): DirectInterceptor {
  return { intercept: (_context, next) => next.handle().pipe(map((value) => `${name}(${String(value)})`)) };
}

describe('composed interceptors', () => {
  it('run from the outermost to the handler, and back', async () => {
    const all = composeInterceptors(marking('a'), marking('b'), marking('c'));
    expect(await firstValueFrom(all.intercept(context, { handle: () => of('x') }))).toBe('a(b(c(x)))');
  });

  it('leave the handler alone when one answers by itself', async () => {
    let called = false;
    const answering: DirectInterceptor = { intercept: () => of('kept') };
    const handler = {
      handle: () => {
        called = true;
        return of('made');
      },
    };
    const all = composeInterceptors(marking('a'), answering, marking('c'));
    expect(await firstValueFrom(all.intercept(context, handler))).toBe('a(kept)');
    expect(called).toBe(false);
  });

  it('call the handler in the async context of the one around it', async () => {
    const storage = new AsyncLocalStorage<string>();
    const scoping: DirectInterceptor = { intercept: (_context, next) => storage.run('inside', () => next.handle()) };
    const all = composeInterceptors(scoping, marking('b'));
    const handler = {
      handle: () => {
        const seen = storage.getStore();
        return defer(async () => seen);
      },
    };
    expect(await firstValueFrom(all.intercept(context, handler))).toBe('b(inside)');
  });
});
