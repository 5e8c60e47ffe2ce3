/* The boundary of multipart bodies (RFC 2046, section 5.1.1), as their content type names it. */
#ifndef KN_SANDBOX_BOUNDARY_H
#define KN_SANDBOX_BOUNDARY_H

#include <stdbool.h>

enum { KN_BOUNDARY_BYTES = 80 };

/* What stands before each part: a line end, two hyphens and the boundary. False: the content type
 * (NULL: none) is not `type`, or names no boundary of 1 to 70 characters. */
bool kn_boundary_find(const char *content_type, const char *type, char ret_mark[KN_BOUNDARY_BYTES]);

#endif
