import { z } from 'zod';
import { fileName } from '../files/file-name.js';

/** Fields of the upload form besides `file`. */
export const uploadFields = z.strictObject({
  project_id: z.uuid().optional().describe('Project to put the file into.'),
  name: fileName.optional().describe('Name of the file, if it is not the one it was sent with.'),
});
export type UploadFields = z.output<typeof uploadFields>;
