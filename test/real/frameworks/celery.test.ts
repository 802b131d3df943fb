import { testFramework } from './suite.ts';

testFramework('celery');
