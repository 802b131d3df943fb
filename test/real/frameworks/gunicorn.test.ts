import { testFramework } from './suite.ts';

testFramework('gunicorn');
