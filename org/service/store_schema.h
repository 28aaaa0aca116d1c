#ifndef ORG_SERVICE_STORE_SCHEMA_H
#define ORG_SERVICE_STORE_SCHEMA_H
/*
 * The steps that make the database, each a list of statements up to a NULL: user_version says how many were done.  A step is never
 * changed once released, only followed.
 */
extern const char *const *const store_steps[];
extern const int store_steps_count;
#endif
