/* web/report/page.html with its style and scripts inside, made by scripts/embed-page.sh at build
 * time. */
#ifndef KN_PIPELINE_REPORT_TEMPLATE_H
#define KN_PIPELINE_REPORT_TEMPLATE_H

/* Ends with a NUL. The data goes where @DATA@ stands, once. */
extern const char kn_report_template[];

#endif
