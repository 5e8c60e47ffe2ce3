/*
 * Addresses in running text, as platforms make links of them: "https://example.com/a?b", and
 * "example.com/a" without a scheme where the domain ends in a top-level domain that exists.
 */
#ifndef KN_PLATFORM_WEB_ADDRESS_H
#define KN_PLATFORM_WEB_ADDRESS_H

#include <stddef.h>

/*
 * Bytes of the address that begins at `at`, a place in `text`; 0: none does. What stands before may
 * not be a letter, a digit, '@', '$' or '#'; without a scheme neither '-', '_', '.' nor '/', and
 * the domain is ASCII. A mark that ends a sentence is no part of it. Any thread.
 */
size_t kn_web_address(const char *text, const char *at);

#endif
