import { type DynamicModule, Module } from '@nestjs/common';
import { Database } from './database.js';
import { DatabaseRoot } from './database-root.js';

const modules = new Map<string, DynamicModule>();

/** Gives a service's modules their own {@link Database}. The connections come from the root. */
@Module({})
export class DatabaseModule {
  /** @param schema the service's name */
  static forService(schema: string): DynamicModule {
    let found = modules.get(schema);
    if (!found) {
      // A class of its own per service: Nest tells modules apart by class, and the token is the same for all.
      const Scoped = class extends DatabaseModule {};
      Object.defineProperty(Scoped, 'name', { value: `DatabaseModule_${schema}` });
      Module({})(Scoped);
      found = {
        module: Scoped,
        providers: [
          { provide: Database, useFactory: (root: DatabaseRoot) => root.get(schema), inject: [DatabaseRoot] },
        ],
        exports: [Database],
      };
      modules.set(schema, found);
    }
    return found;
  }
}
