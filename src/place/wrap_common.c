/* SPDX-License-Identifier: MIT */
/* wrap_common.c - see wrap_common.h. */
#include <place/wrap_common.h>

#include <assert.h>

#include <base/alloc.h>
#include <base/err.h>

int wrap_begin(size_t size, const struct place_ops *ops, struct place *inner,
	struct place **ret_place, struct sherd_error *err)
{
	struct place *p = mem_array(1, size);
	char *url = mem_format("%s", inner->url);

	assert(size >= sizeof(*p));
	if (!p || !url) {
		mem_free(p);
		mem_free(url);
		return err_nomem(err);
	}
	p->ops = ops;
	p->url = url;
	p->inner = inner;
	*ret_place = p;
	return 0;
}

void wrap_abandon(struct place *p)
{
	mem_free(p->url);
	mem_free(p);
}

void wrap_end(struct place *p)
{
	place_free(p->inner);
	wrap_abandon(p);
}
