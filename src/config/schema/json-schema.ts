import { configSection } from './keys.ts';

/** The JSON Schema of a config file: draft 7, which editors know best. */
export const configJsonSchema = (): object => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'workerctl.yaml',
  description: 'The workers that workerctl runs.',
  ...configSection.json,
});
