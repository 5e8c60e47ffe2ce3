/* Opening an address in the user's browser. */
#ifndef KN_CLI_BROWSER_H
#define KN_CLI_BROWSER_H

#include <stdbool.h>

/* Is there a screen to open one on? */
bool kn_browser_can_open(void);
/* Does not wait, and says nothing: the address is printed all the same. The browser gets none of
 * kirinuki's own settings (keys and secrets of applications are among them). */
void kn_browser_open(const char *url);

#endif
