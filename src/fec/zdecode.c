/* SPDX-License-Identifier: MIT */
/*
 * zdecode.c - any k share files, or better more of them, back into the file.
 *
 * The share files are judged by what they say of themselves (zset.h), then each thread restores
 * piece after piece (zrestore.h) and hands it to the output (zoutput.h). A new file is seen only
 * when all of it is right. What was written to a stream cannot be taken back: so with shares to
 * check by all is read and compared once before the first byte is written, and without any at
 * least the padding at the end.
 */
#include <sherd/zfec.h>

#include <stdatomic.h>
#include <string.h>
#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/workers.h>
#include <fec/zoutput.h>
#include <fec/zrestore.h>
#include <fec/zset.h>
#include <fec/ztask.h>

struct decoder {
	const struct sherd_zfec_decode_options *options;
	struct ztask task;
	struct zoutput output;
	struct zset set;
	struct zrestore restore;
	struct zdesk *desks; /* [desk_count], one for each thread */
	unsigned desk_count;
	unsigned threads;              /* at most */
	struct sherd_workers *workers; /* NULL: the caller works alone */

	/* The pass under way. */
	bool write;         /* to the output; else only look */
	atomic_ullong next; /* piece that nobody has begun */
};

static int decode_piece(
	struct decoder *d, struct zdesk *desk, uint64_t index, struct sherd_error *err)
{
	struct zpiece piece;
	int r = zrestore_piece(&d->restore, desk, index, &piece, err);

	if (!r && d->write)
		r = zoutput_put(&d->output, &piece, desk->parts, desk->part_count, err);
	if (!r)
		ztask_advance(&d->task, piece.size);
	return r;
}

static void decode_job(void *context, size_t job, unsigned worker)
{
	struct decoder *d = context;
	struct sherd_error err;

	(void)job;
	while (ztask_goes_on(&d->task)) {
		uint64_t index = atomic_fetch_add(&d->next, 1);
		int r;

		if (index >= d->restore.pieces)
			break;
		r = decode_piece(d, &d->desks[worker], index, &err);
		if (r)
			ztask_fail(&d->task, r, &err);
	}
	zoutput_wake(&d->output);
}

/* Pieces ${first} to the last. */
static void pass(struct decoder *d, uint64_t first, bool write)
{
	d->write = write;
	atomic_store(&d->next, first);
	workers_run(d->workers, decode_job, d, sherd_workers_count(d->workers));
}

/* The first piece that is looked at before anything is written; pieces, if none is. */
static uint64_t first_to_look_at(const struct decoder *d)
{
	if (!d->output.stream || !d->restore.pieces)
		return d->restore.pieces;
	return d->set.held > d->set.k ? 0 : d->restore.pieces - 1;
}

static int run_passes(struct decoder *d, struct sherd_error *err)
{
	uint64_t first = first_to_look_at(d);
	uint64_t whole = (uint64_t)d->set.k * d->restore.segments * SHERD_ZFEC_CHUNK;
	int r;

	d->task.total = d->set.size;
	if (first < d->restore.pieces) {
		d->task.total += d->set.size - first * whole;
		pass(d, first, false);
	}
	if (ztask_goes_on(&d->task))
		pass(d, 0, true);
	r = ztask_result(&d->task, err);
	if (!r && atomic_load(&d->restore.unchecked))
		r = zset_unchanged(&d->set, err);
	return r;
}

static int start_threads(struct decoder *d, struct sherd_error *err)
{
	const struct zrestore *r = &d->restore;
	uint64_t threads = INT_MIN_OF((uint64_t)d->threads, INT_MAX_OF(r->pieces, (uint64_t)1));

	d->desks = mem_array((size_t)threads, sizeof(*d->desks));
	if (!d->desks)
		return err_nomem(err);
	while (d->desk_count < threads) {
		int code = zdesk_init(&d->desks[d->desk_count++], r, err);

		if (code)
			return code;
	}
	return threads > 1 ? sherd_workers_new((unsigned)threads, &d->workers, err) : 0;
}

static int check_output(const struct decoder *d, struct sherd_error *err)
{
	for (size_t i = 0; i < d->set.count; i++) {
		const struct zmember *f = &d->set.members[i];

		if (f->fd >= 0 && newfile_would_replace(&d->output.file, &f->before))
			return err_set(err, SHERD_INVALID,
				"output '%s' would replace a share file that is read",
				d->output.file.path);
	}
	return 0;
}

static int restore_file(struct decoder *d, struct sherd_error *err)
{
	size_t piece_size;
	int r = zrestore_init(&d->restore, &d->task, &d->set, err);

	if (r)
		return r;
	piece_size = (size_t)d->set.k * d->restore.segments * SHERD_ZFEC_CHUNK;
	r = zoutput_reserve(&d->output, piece_size, err);
	if (r)
		return r;
	r = start_threads(d, err);
	if (r)
		return r;
	r = run_passes(d, err);
	return r ? r : zoutput_commit(&d->output, !d->options->no_sync, err);
}

static void tell_result(const struct decoder *d, struct sherd_zfec_decode_result *ret_result)
{
	*ret_result = (struct sherd_zfec_decode_result){
		.size = d->set.size,
		.k = d->set.k,
		.m = d->set.m,
		.given = (unsigned)d->set.count,
		.left_out = (unsigned)d->set.left_out,
		.verified = !atomic_load(&d->restore.unchecked),
	};
}

/* The output first: that it exists is known before anything is read. */
static int decode(struct decoder *d, const char *const *paths, size_t count, const char *output,
	struct sherd_zfec_decode_result *ret_result, struct sherd_error *err)
{
	const struct sherd_zfec_decode_options *o = d->options;
	int r = zoutput_open(&d->output, &d->task, output, o->overwrite, err);

	if (!r)
		r = zset_open(&d->set, &d->task, paths, count, o, err);
	if (!r && o->overwrite && !d->output.stream)
		r = check_output(d, err);
	if (!r) {
		r = restore_file(d, err);
		if (!r && ret_result)
			tell_result(d, ret_result);
		sherd_workers_free(d->workers);
		for (unsigned i = 0; i < d->desk_count; i++)
			zdesk_release(&d->desks[i]);
		mem_free(d->desks);
		zrestore_release(&d->restore);
	}
	zset_release(&d->set);
	zoutput_release(&d->output);
	return r;
}

static int check_arguments(const char *const *paths, size_t count, struct sherd_error *err)
{
	if ((count && !paths) || count > UINT32_MAX)
		return err_set(err, SHERD_INVALID, "no list of share files");
	for (size_t i = 0; i < count; i++)
		if (!paths[i])
			return err_set(err, SHERD_INVALID, "no name of share file %zu", i);
	return count ? 0 : err_set(err, SHERD_TOOFEW, "no share files were given");
}

int sherd_zfec_decode(const char *const *paths, size_t count, const char *output,
	const struct sherd_zfec_decode_options *options,
	struct sherd_zfec_decode_result *ret_result, struct sherd_error *err)
{
	static const struct sherd_zfec_decode_options defaults;
	struct decoder d = {.options = options ? options : &defaults};
	int r = workers_wanted(d.options->threads, &d.threads, err);

	if (!r)
		r = check_arguments(paths, count, err);
	if (r)
		return r;
	ztask_init(&d.task, env_or_system(d.options->env), d.options->progress, d.options->cancel);
	r = decode(&d, paths, count, output, ret_result, err);
	ztask_release(&d.task);
	return r;
}
