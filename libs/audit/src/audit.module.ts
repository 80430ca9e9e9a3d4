import { type DynamicModule, Module } from '@nestjs/common';
import { AuditTrail } from './audit-trail.js';

const modules = new Map<string, DynamicModule>();

/** Gives a service's modules their own {@link AuditTrail}. */
@Module({})
export class AuditModule {
  /** @param service the service's name, written into every record */
  static forService(service: string): DynamicModule {
    let found = modules.get(service);
    if (!found) {
      const Scoped = class extends AuditModule {};
      Object.defineProperty(Scoped, 'name', { value: `AuditModule_${service}` });
      Module({})(Scoped);
      found = {
        module: Scoped,
        providers: [{ provide: AuditTrail, useValue: new AuditTrail(service) }],
        exports: [AuditTrail],
      };
      modules.set(service, found);
    }
    return found;
  }
}
