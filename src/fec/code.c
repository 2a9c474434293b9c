/* SPDX-License-Identifier: MIT */
/* code.c - the code object: k, m and a kernel, and nothing that could change. */
#include <base/alloc.h>
#include <base/err.h>
#include <fec/plan.h>

int sherd_fec_new(unsigned k, unsigned m, const char *kernel, struct sherd_fec **ret_code,
	struct sherd_error *err)
{
	const struct fec_kernel *found;
	struct sherd_fec *code;
	int r;

	if (!ret_code)
		return err_set(err, SHERD_INVALID, "no place for the code object");
	if (m < 1 || m > SHERD_FEC_SHARES_MAX)
		return err_set(err, SHERD_INVALID, "m is %u, and must be 1 to 256", m);
	if (k < 1 || k > m)
		return err_set(
			err, SHERD_INVALID, "k is %u, and must be 1 to m, which is %u", k, m);
	r = fec_kernel_find(kernel, &found, err);
	if (r)
		return r;
	code = mem_array(1, sizeof(*code));
	if (!code)
		return err_nomem(err);
	*code = (struct sherd_fec){.k = k, .m = m, .kernel = found};
	*ret_code = code;
	return 0;
}

void sherd_fec_free(struct sherd_fec *code)
{
	mem_free(code);
}

unsigned sherd_fec_k(const struct sherd_fec *code)
{
	return code ? code->k : 0;
}

unsigned sherd_fec_m(const struct sherd_fec *code)
{
	return code ? code->m : 0;
}

const char *sherd_fec_kernel(const struct sherd_fec *code)
{
	return code ? code->kernel->name : "";
}
