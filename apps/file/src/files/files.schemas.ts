import { cursorQuery, timestamp } from '@nexus/http';
import { z } from 'zod';
import { FILE_STATUSES } from './file.entity.js';
import { fileName } from './file-name.js';

const ID_EXAMPLE = '019320b2-7d5c-7c3e-8a51-3f0d8d5b6a10';

export const fileResource = z
  .object({
    id: z.uuid().meta({ example: ID_EXAMPLE }),
    name: z.string().meta({ example: 'report.pdf' }),
    size: z.number().int().describe('In bytes.').meta({ example: 48_213 }),
    content_type: z
      .string()
      .describe('As the client declared it, or what its first bytes say.')
      .meta({ example: 'application/pdf' }),
    sha256: z
      .string()
      .describe('Of the content, in lower-case hex; also its ETag.')
      .meta({ example: 'a'.repeat(64) }),
    project_id: z.uuid().nullable().describe('The project that decides who may do what; null: the owner alone.'),
    owner_id: z.uuid().describe('Who uploaded it, and whose space it takes.'),
    version: z.number().int().meta({ example: 1 }),
    status: z.enum(FILE_STATUSES),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .meta({ id: 'File' });
export type FileResource = z.output<typeof fileResource>;

export const FILE_SORTS = ['-created_at', 'created_at', '-updated_at', 'updated_at', 'name', '-name'] as const;
export type FileSort = (typeof FILE_SORTS)[number];

const TYPE_FILTER = /^[a-z0-9!#$&^_.+-]{1,127}\/(?:\*|[a-z0-9!#$&^_.+-]{1,127})$/;

export const listFiles = cursorQuery(FILE_SORTS, '-created_at').extend({
  project_id: z
    .uuid()
    .optional()
    .describe('The files of this project. Without it: the caller’s own files outside of projects.'),
  q: z.string().trim().min(1).max(200).optional().describe('Words, or beginnings of words, of the name.'),
  content_type: z
    .string()
    .trim()
    .toLowerCase()
    .regex(TYPE_FILTER, 'must be a media type such as image/png or image/*')
    .optional()
    .describe('`image/png`, or `image/*` for all of a kind.'),
  status: z.enum(FILE_STATUSES).default('active').describe('`trashed` lists the trash.'),
});
export type ListFiles = z.output<typeof listFiles>;

export const changeFile = z.strictObject({ name: fileName });
