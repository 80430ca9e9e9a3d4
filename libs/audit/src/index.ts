export { AuditModule } from './audit.module.js';
export { type AuditEntry, AuditTrail, auditPlan } from './audit-trail.js';
