export type * from './request.js';
