/** What an API key can be allowed to do, and what each scope lets it do. A route names those that it needs. */
export const SCOPE_TEXTS = {
  'profile:read': 'Read your profile and your preferences.',
  'profile:write': 'Change your profile and your preferences.',
  'users:read': 'Read what you may see of other people; for administrators, find them.',
  'users:write': 'Change, deactivate and reactivate people (administrators).',
  'projects:read': 'Read your projects and who their members are.',
  'projects:write': 'Create, change, archive and remove projects, and manage their members.',
  'files:read': 'Read your files, their content and your usage.',
  'files:write': 'Upload, rename, remove and restore files.',
  'notifications:read': 'Read your inbox and follow it live.',
  'notifications:write': 'Mark entries of your inbox as read.',
} as const;

export type Scope = keyof typeof SCOPE_TEXTS;

/** Every scope, in the order in which lists show them. */
export const SCOPES = Object.keys(SCOPE_TEXTS) as [Scope, ...Scope[]];
