/** What the API answers, as far as the suite looks at it. */
export interface Tokens {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly refresh_token: string;
  readonly refresh_expires_in: number;
}

export interface User {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly role: string;
  readonly email_verified: boolean;
}

export interface SignedIn {
  readonly user: User;
  readonly tokens: Tokens;
}

export interface Profile extends User {
  readonly bio: string | null;
  readonly locale: string;
  readonly timezone: string;
  readonly phone: string | null;
  readonly avatar_url: string | null;
  readonly status: string;
  readonly version: number;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface Session {
  readonly id: string;
  readonly device: string | null;
  readonly current: boolean;
  readonly created_at: string;
  readonly last_used_at: string;
}

export interface Project {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly visibility: string;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly status: string;
  readonly version: number;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface Member {
  readonly user_id: string;
  readonly role: string;
}

export interface StoredFile {
  readonly id: string;
  readonly name: string;
  readonly size: number;
  readonly content_type: string;
  readonly sha256: string;
  readonly project_id: string | null;
  readonly owner_id: string;
  readonly version: number;
  readonly status: string;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface Notification {
  readonly id: string;
  readonly category: string;
  readonly title: string;
  readonly body: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly read_at: string | null;
  readonly created_at: string;
}

/** A captured mail. */
export interface Mail {
  readonly id: string;
  readonly to: string;
  readonly subject: string;
}
