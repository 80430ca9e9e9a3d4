import { Injectable } from '@nestjs/common';

/** What is used of the argon2 package. */
export type Argon2 = Pick<typeof import('@node-rs/argon2'), 'hash' | 'verify' | 'parseOptions'>;

/** Loads the argon2 package when it is first needed: it is native code. */
@Injectable()
export class Argon2Loader {
  private loaded: Promise<Argon2> | undefined;

  load(): Promise<Argon2> {
    this.loaded ??= import('@node-rs/argon2');
    return this.loaded;
  }
}
