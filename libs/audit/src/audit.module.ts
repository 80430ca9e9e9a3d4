import { Module } from '@nestjs/common';
import { scopedModules } from '@nexus/database';
import { AuditTrail } from './audit-trail.js';

/** Gives a service's modules their own {@link AuditTrail}. */
@Module({})
export class AuditModule {
  /** Takes the service's name, which is written into every record. */
  static readonly forService = scopedModules(AuditModule, AuditTrail, (service) => ({
    provide: AuditTrail,
    useValue: new AuditTrail(service),
  }));
}
