import { Module } from '@nestjs/common';
import { Database } from './database.js';
import { DatabaseRoot } from './database-root.js';
import { scopedModules } from './scoped-module.js';

/** Gives a service's modules their own {@link Database}. The connections come from the root. */
@Module({})
export class DatabaseModule {
  /** Takes the service's name. */
  static readonly forService = scopedModules(DatabaseModule, Database, (service) => ({
    provide: Database,
    useFactory: (root: DatabaseRoot) => root.get(service),
    inject: [DatabaseRoot],
  }));
}
