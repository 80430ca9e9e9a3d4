import { PROJECT_ROLES } from '@nexus/contracts';
import { cursorQuery, freeText, lineOfText, opaqueObject, searchText, timestamp } from '@nexus/http';
import { z } from 'zod';

const VISIBILITIES = ['private', 'internal'] as const;
export const PROJECT_STATUSES = ['active', 'archived', 'trashed'] as const;
export type ProjectStatus = (typeof PROJECT_STATUSES)[number];

const MAX_TAGS = 20;
const MAX_METADATA_BYTES = 16 * 1024;

const name = lineOfText(200);
const description = freeText(4000).nullable();
const visibility = z
  .enum(VISIBILITIES)
  .meta({ description: '`private`: members only; `internal`: any signed-in person may read.' });
/** In the order given; doubles count once. */
const tags = z
  .array(lineOfText(50))
  .max(MAX_TAGS)
  .overwrite((given) => [...new Set(given)]);
const metadata = opaqueObject(MAX_METADATA_BYTES).meta({
  description: 'Free-form: every key is kept as it is. At most 16 KiB as JSON.',
});

export const projectSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    description: z.string().nullable(),
    visibility,
    tags: z.array(z.string()),
    metadata: z.record(z.string(), z.unknown()),
    status: z.enum(PROJECT_STATUSES),
    owner_id: z.uuid().meta({ description: 'The owner who answers for the project; there may be more owners.' }),
    role: z.enum(PROJECT_ROLES).meta({ description: "The caller's role; `viewer` for everyone when it is internal." }),
    version: z.number().int(),
    created_at: timestamp,
    updated_at: timestamp,
    archived_at: timestamp.nullable(),
    trashed_at: timestamp.nullable().meta({ description: 'It is removed for good 30 days later.' }),
  })
  .meta({ id: 'Project' });
export type Project = z.output<typeof projectSchema>;

export const newProject = z
  .strictObject({
    name,
    description: description.default(null),
    visibility: visibility.default('private'),
    tags: tags.default([]),
    metadata: metadata.default({}),
  })
  .meta({ id: 'NewProject' });
export type NewProject = z.output<typeof newProject>;

export const projectPatch = z
  .strictObject({ name, description, visibility, tags, metadata })
  .partial()
  .meta({ id: 'ProjectPatch', description: 'What is absent stays; lists and metadata are replaced whole.' });
export type ProjectPatch = z.output<typeof projectPatch>;

export const PROJECT_SORTS = ['-created_at', 'created_at', '-updated_at', 'updated_at', 'name', '-name'] as const;

export const projectQuery = cursorQuery(PROJECT_SORTS, '-created_at').extend({
  q: searchText('Words, or beginnings of words, of name, description and tags.'),
  tag: z.string().trim().min(1).max(50).optional(),
  status: z
    .enum(PROJECT_STATUSES)
    .optional()
    .meta({ description: 'Without it: active and archived ones. The trash shows what you own.' }),
  visibility: visibility.optional(),
});
export type ProjectQuery = z.output<typeof projectQuery>;
