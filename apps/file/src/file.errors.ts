import { defineErrors } from '@nexus/kernel';

/** Errors of the file service alone. */
export const fileErrors = defineErrors('file', {
  malformed_multipart: { status: 400, message: 'The body is not valid multipart/form-data.' },
  upload_incomplete: { status: 400, message: 'The body ended before the upload was whole.' },
  invalid_digest: { status: 400, message: 'The digest is not a valid sha-256 digest (RFC 9530).' },
  digest_mismatch: { status: 400, message: 'The content does not have the digest that was sent with it.' },
  file_not_found: { status: 404, message: 'There is no such file.' },
  file_trashed: { status: 409, message: 'The file is in the trash. Restore it first.' },
  file_too_large: { status: 413, message: 'The file is larger than this server takes.' },
  quota_exceeded: { status: 413, message: 'The file does not fit into the space that is left to you.' },
  range_not_satisfiable: { status: 416, message: 'The file has no bytes in this range.' },
  storage_full: { status: 503, message: 'There is no room to store the file right now.' },
});
