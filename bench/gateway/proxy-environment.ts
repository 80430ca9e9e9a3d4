import { pathToFileURL } from 'node:url';
import { required, stopOnSigterm } from '../contestants/serving.ts';

export { required, stopOnSigterm };

/** What every proxy is told through its environment. */
export interface ProxyEnvironment {
  host: string;
  port: number;
  /** Origin of the upstream. */
  upstream: URL;
}

/** @throws when the benchmark did not set a variable */
export function proxyEnvironment(): ProxyEnvironment {
  return {
    host: required('BENCH_HOST'),
    port: Number(required('BENCH_PORT')),
    upstream: new URL(required('BENCH_UPSTREAM')),
  };
}

/** A module of the build that is measured, by its path below `dist/`; the caller says what of it is used. */
export async function fromBuild<Exports>(path: string): Promise<Exports> {
  const url = new URL(`../${path}`, pathToFileURL(required('BENCH_MAIN')));
  return (await import(url.href)) as Exports;
}
