import { Module } from '@nestjs/common';
import { DocsController } from './docs.controller.js';
import { StaticAssets } from './static-assets.js';

@Module({ controllers: [DocsController], providers: [StaticAssets] })
export class DocsModule {}
