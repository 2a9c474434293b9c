/* SPDX-License-Identifier: MIT */
/* ready.h - inner to this floor: libsodium, set up before its first use. */
#ifndef CRYPT_READY_H
#define CRYPT_READY_H

/* crypt_ready(): call it before a function of libsodium that needs sodium_init(). Threads: any. */
void crypt_ready(void);

#endif
