import { resolve } from 'node:path';
import { Module } from '@nestjs/common';
import { AuditModule } from '@nexus/audit';
import { type PlatformConfig, platformConfig } from '@nexus/config';
import { DatabaseModule } from '@nexus/database';
import { ContentController } from './content/content.controller.js';
import { ContentService } from './content/content.service.js';
import { FileAccess } from './files/file-access.service.js';
import { FilesController } from './files/files.controller.js';
import { FilesRepository } from './files/files.repository.js';
import { FilesService } from './files/files.service.js';
import { FolderObjectStore } from './storage/folder-object-store.js';
import { ObjectRemoval } from './storage/object-removal.service.js';
import { ObjectStore } from './storage/object-store.port.js';
import { RemovalsRepository } from './storage/removals.repository.js';
import { Sweeper } from './sweep/sweeper.service.js';
import { TrashService } from './sweep/trash.service.js';
import { UploadLedger } from './uploads/upload-ledger.service.js';
import { UploadsController } from './uploads/uploads.controller.js';
import { UploadsRepository } from './uploads/uploads.repository.js';
import { UploadsService } from './uploads/uploads.service.js';
import { UsageController } from './usage/usage.controller.js';
import { UsageRepository } from './usage/usage.repository.js';
import { UsageService } from './usage/usage.service.js';

const OBJECTS = 'objects';

/** The file service. */
@Module({
  imports: [DatabaseModule.forService('file'), AuditModule.forService('file')],
  controllers: [UsageController, FilesController, UploadsController, ContentController],
  providers: [
    {
      provide: ObjectStore,
      useFactory: (config: PlatformConfig) => new FolderObjectStore(resolve(config.NEXUS_DATA_DIR, OBJECTS)),
      inject: [platformConfig.token],
    },
    RemovalsRepository,
    ObjectRemoval,
    UsageRepository,
    UsageService,
    FilesRepository,
    FileAccess,
    FilesService,
    ContentService,
    UploadsRepository,
    UploadLedger,
    UploadsService,
    TrashService,
    Sweeper,
  ],
})
export class FileModule {}
