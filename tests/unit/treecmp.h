/* SPDX-License-Identifier: MIT */
/*
 * treecmp.h - whether two folders on disk are the same in everything that a backup keeps: names,
 * types, modes, owners, mtimes to the nanosecond, extended attributes and ACLs, targets of links,
 * device numbers, which names are one file, holes, content.
 */
#ifndef TEST_TREECMP_H
#define TEST_TREECMP_H

#define TREECMP_NO_OWNERS 1u
#define TREECMP_NO_XATTRS 2u
#define TREECMP_NO_HOLES 4u
#define TREECMP_NO_TIMES 8u
#define TREECMP_NO_LINKS 16u

/* treecmp_differences(a, b, leave_out, report, size): how many entries differ; the first
 * difference as text in ${report}. The two folders' own attributes are not compared. */
unsigned treecmp_differences(
	const char *a, const char *b, unsigned leave_out, char *report, unsigned size);

/* assert_same_trees(a, b, leave_out): fails the test with the first difference. */
void assert_same_trees(const char *a, const char *b, unsigned leave_out);

#endif
