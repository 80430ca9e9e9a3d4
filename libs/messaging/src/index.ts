export { BUS_SCHEMA, busMigration } from './bus-schema.js';
export { EventHandler, type JobBinding, JobHandler, type Subscription } from './handler.js';
export { defineJob, type JobData, type JobDefinition } from './job.js';
export { Messaging, type MessagingFault, type Publication } from './messaging.js';
