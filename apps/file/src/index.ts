import { defineService } from '@nexus/bootstrap';
import { platformConfig } from '@nexus/config';
import { ProjectDirectory } from '@nexus/contracts';
import { fileConfig } from './file.config.js';
import './file.errors.js';
import { FileEntity } from './files/file.entity.js';
import { Files1763856000040 } from './migrations/0001-files.js';

/** Files: streamed upload and download, the trash, and everybody's space. */
export const fileService = defineService({
  name: 'file',
  port: 8084,
  module: async () => (await import('./file.module.js')).FileModule,
  needs: [ProjectDirectory],
  config: [platformConfig, fileConfig],
  database: { entities: [FileEntity], migrations: [Files1763856000040] },
  egress: [{ to: 'postgres' }, { to: 'redis' }],
});
