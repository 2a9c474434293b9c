/* SPDX-License-Identifier: MIT */
/*
 * feccall.c - the calls that compute: Encoder.encode(), Decoder.decode().
 *
 * All arguments are read first: the block numbers into arrays, each block as a locked Py_buffer,
 * the sequences copied into tuples so that no other thread can change them. Then the results are
 * made as bytes objects which nobody else can see yet, the interpreter's lock is released,
 * sherd_fec_run() fills them, and the lock is taken again. Everything a call holds is in one
 * `struct call`, which a cleanup attribute gives back on every way out.
 *
 * Arguments are looked at in the order in which the original looks at them, and refused in its
 * words: programs and their tests rely on both.
 */
#include "fecmodule.h"
#include <stdint.h>

#define BLOCKS_MAX SHERD_FEC_SHARES_MAX
#define STREAM_SIZE (16u << 20) /* bytes of one call above which the caches are of no use */

/* What one running call holds. */
struct call {
	struct module_state *state;
	struct fec_code *code;
	struct fec_plan *plan;
	size_t size;         /* bytes of each block */
	size_t views_count;  /* buffers locked */
	size_t wanted_count; /* results made, at `made` and `wanted` */
	Py_buffer views[BLOCKS_MAX];
	unsigned known_numbers[BLOCKS_MAX], wanted_numbers[BLOCKS_MAX];
	const uint8_t *known[BLOCKS_MAX];
	uint8_t *wanted[BLOCKS_MAX];
	PyObject *made[BLOCKS_MAX];
	int position[BLOCKS_MAX]; /* of a block's number in `known` or `wanted`; -1: not there */
};

static void call_free(struct call **call_)
{
	struct call *call = *call_;

	if (!call)
		return;
	for (size_t i = 0; i < call->views_count; i++)
		PyBuffer_Release(&call->views[i]);
	for (size_t i = 0; i < call->wanted_count; i++)
		Py_XDECREF(call->made[i]);
	fec_plan_unref(call->plan);
	fec_code_unref(call->code);
	PyMem_Free(call);
}

#define CLEAN_CALL __attribute__((cleanup(call_free)))

/* A call on ${self}, or NULL with an exception. */
static struct call *call_new(struct coder *self)
{
	struct call *call;

	if (!self->code) {
		PyErr_SetString(self->state->error,
			"Precondition violation: __init__() has not been called");
		return NULL;
	}
	call = PyMem_Malloc(sizeof(*call));
	if (!call) {
		PyErr_NoMemory();
		return NULL;
	}
	call->state = self->state;
	call->code = fec_code_ref(self->code);
	call->plan = NULL;
	call->size = 0;
	call->views_count = 0;
	call->wanted_count = 0;
	for (size_t i = 0; i < BLOCKS_MAX; i++)
		call->position[i] = -1;
	return call;
}

/* The items of any iterable as a tuple of our own; TypeError ${text} if it is none. */
static PyObject *items_of(PyObject *iterable, const char *text)
{
	PyObject *sequence = PySequence_Fast(iterable, text);
	PyObject *tuple;

	if (!sequence || PyTuple_CheckExact(sequence))
		return sequence;
	tuple = PySequence_Tuple(sequence);
	Py_DECREF(sequence);
	return tuple;
}

/*
 * One block number. 0, or -1 with an exception. The texts are the original's where it has one; it
 * had none for the numbers from m to 255, which it took, and read beyond its tables.
 */
static int block_number(struct call *call, PyObject *item, unsigned *ret_number)
{
	PyObject *error = call->state->error;
	int overflow;
	long number;

	if (!PyLong_Check(item)) {
		PyErr_SetString(error,
			"Precondition violation: second argument is required to contain int.");
		return -1;
	}
	number = PyLong_AsLongAndOverflow(item, &overflow);
	if (number == -1 && !overflow && PyErr_Occurred())
		return -1;
	if (overflow) {
		PyErr_Format(error,
			"Precondition violation: block nums can't be less than zero or greater "
			"than 255.  One was %s than any machine integer.\n",
			overflow < 0 ? "less" : "greater");
		return -1;
	}
	if (number < 0 || number > 255) {
		PyErr_Format(error,
			"Precondition violation: block nums can't be less than zero or greater "
			"than 255.  %ld\n",
			number);
		return -1;
	}
	if (number >= (long)call->code->m) {
		PyErr_Format(error,
			"Precondition violation: block nums are required to be less than m.  block "
			"num: %ld, m: %d",
			number, (int)call->code->m);
		return -1;
	}
	*ret_number = (unsigned)number;
	return 0;
}

/* Lock the next known block. 0, or -1 with an exception (TypeError or BufferError). */
static int lock_block(struct call *call, PyObject *block)
{
	size_t i = call->views_count;

	if (PyObject_GetBuffer(block, &call->views[i], PyBUF_SIMPLE) < 0)
		return -1;
	call->views_count++;
	call->known[i] = call->views[i].buf;
	if (call->views[i].len == 0)
		call->known[i] = (const uint8_t *)"";
	return 0;
}

/* All locked blocks have one length, or -1 with an exception. ${tail} ends its text. */
static int check_lengths(struct call *call, const char *tail)
{
	for (size_t i = 1; i < call->views_count; i++) {
		if (call->views[i].len == call->views[0].len)
			continue;
		PyErr_Format(call->state->error,
			"Precondition violation: Input blocks are required to be all the same "
			"length.  length of one block was: %zd, length of another block was: %zd%s",
			call->views[0].len, call->views[i].len, tail);
		return -1;
	}
	call->size = call->views_count ? (size_t)call->views[0].len : 0;
	return 0;
}

/* Find or make the plan, make the results, and compute. 0, or -1 with an exception. */
static int call_run(struct call *call, struct coder *self, size_t wanted_count)
{
	struct sherd_fec_options options = {0};
	PyThreadState *thread;
	struct sherd_error err;
	int r;

	if (wanted_count == 0)
		return 0;
	r = fec_plan_get(call->code, self->all, &self->last, call->known_numbers,
		call->wanted_numbers, wanted_count, &call->plan, &err);
	if (r < 0) {
		raise_error(call->state, &err);
		return -1;
	}
	for (size_t i = 0; i < wanted_count; i++) {
		call->made[i] = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)call->size);
		if (!call->made[i])
			return -1;
		call->wanted_count = i + 1;
		call->wanted[i] = (uint8_t *)PyBytes_AsString(call->made[i]);
	}
	if (call->size == 0)
		return 0;

	options.stream = call->size > STREAM_SIZE / (call->code->k + wanted_count);
	thread = PyEval_SaveThread();
	r = sherd_fec_run(call->plan->plan, call->known, call->wanted, call->size, &options, &err);
	PyEval_RestoreThread(thread);
	if (r < 0) {
		raise_error(call->state, &err);
		return -1;
	}
	return 0;
}

/*
 * Read the wanted block numbers, in any order and as often as one likes, into wanted_numbers: the
 * check blocks among them, each once. Their number, or -1 with an exception.
 */
static Py_ssize_t read_wanted(struct call *call, PyObject *numbers)
{
	Py_ssize_t count = 0, length = PyTuple_Size(numbers);

	for (Py_ssize_t i = 0; i < length; i++) {
		unsigned number;

		if (block_number(call, PyTuple_GetItem(numbers, i), &number) < 0)
			return -1;
		if (number < call->code->k || call->position[number] >= 0)
			continue;
		call->position[number] = (int)count;
		call->wanted_numbers[count++] = number;
	}
	return count;
}

static Py_ssize_t want_all(struct call *call)
{
	unsigned k = call->code->k, count = call->code->m - k;

	for (unsigned i = 0; i < count; i++) {
		call->wanted_numbers[i] = k + i;
		call->position[k + i] = (int)i;
	}
	return (Py_ssize_t)count;
}

/* The blocks an encode() call returns, in order; ${numbers} NULL means all. */
static PyObject *encoded_list(struct call *call, PyObject *blocks, PyObject *numbers)
{
	Py_ssize_t length = numbers ? PyTuple_Size(numbers) : (Py_ssize_t)call->code->m;
	PyObject *list = PyList_New(length);

	for (Py_ssize_t i = 0; list && i < length; i++) {
		unsigned number = (unsigned)i;
		PyObject *block;

		if (numbers && block_number(call, PyTuple_GetItem(numbers, i), &number) < 0) {
			Py_DECREF(list);
			return NULL;
		}
		block = number < call->code->k ? PyTuple_GetItem(blocks, number)
					       : call->made[call->position[number]];
		Py_INCREF(block);
		PyList_SetItem(list, i, block);
	}
	return list;
}

PyObject *encoder_encode(PyObject *self_, PyObject *args)
{
	struct coder *self = (struct coder *)self_;
	CLEAN_CALL struct call *call = NULL;
	CLEAN_REF PyObject *blocks = NULL;
	CLEAN_REF PyObject *numbers = NULL;
	PyObject *inblocks, *desired = NULL;
	Py_ssize_t count;

	if (!PyArg_ParseTuple(args, "O|O:Encoder.encode", &inblocks, &desired))
		return NULL;
	call = call_new(self);
	if (!call)
		return NULL;
	if (desired) {
		numbers = items_of(desired, "Second argument (optional) was not a sequence.");
		if (!numbers)
			return NULL;
	}
	count = numbers ? read_wanted(call, numbers) : want_all(call);
	if (count < 0)
		return NULL;
	blocks = items_of(inblocks, "First argument was not a sequence.");
	if (!blocks)
		return NULL;
	if (PyTuple_Size(blocks) != (Py_ssize_t)call->code->k)
		return PyErr_Format(call->state->error,
			"Precondition violation: Wrong length -- first argument (the sequence of "
			"input blocks) is required to contain exactly k blocks.  len(first): %zd, "
			"k: %d",
			PyTuple_Size(blocks), (int)call->code->k);
	for (unsigned i = 0; i < call->code->k; i++) {
		call->known_numbers[i] = i;
		if (lock_block(call, PyTuple_GetItem(blocks, i)) < 0)
			return NULL;
	}
	if (check_lengths(call, "") < 0 || call_run(call, self, (size_t)count) < 0)
		return NULL;
	return encoded_list(call, blocks, numbers);
}

/*
 * Read the numbers of the known blocks and lock the blocks, one after the other: a bad number is
 * told of before a bad block at the same place. 0, or -1 with an exception.
 */
static int read_known(struct call *call, PyObject *blocks, PyObject *numbers)
{
	Py_ssize_t count = PyTuple_Size(numbers);

	for (Py_ssize_t i = 0; i < count; i++) {
		unsigned number;

		if (block_number(call, PyTuple_GetItem(numbers, i), &number) < 0)
			return -1;
		if (call->position[number] >= 0) {
			PyErr_Format(call->state->error,
				"Precondition violation: block nums are required to be all "
				"different.  given twice: %d",
				(int)number);
			return -1;
		}
		call->position[number] = (int)i;
		call->known_numbers[i] = number;
		if (lock_block(call, PyTuple_GetItem(blocks, i)) < 0)
			return -1;
	}
	return check_lengths(call, "\n");
}

/* The primaries 0..k-1: given ones as they were, the others as made, lowest first. */
static PyObject *decoded_list(struct call *call, PyObject *blocks)
{
	PyObject *list = PyList_New((Py_ssize_t)call->code->k);
	size_t made = 0;

	for (unsigned i = 0; list && i < call->code->k; i++) {
		PyObject *block = call->position[i] >= 0
					  ? PyTuple_GetItem(blocks, call->position[i])
					  : call->made[made++];

		Py_INCREF(block);
		PyList_SetItem(list, (Py_ssize_t)i, block);
	}
	return list;
}

PyObject *decoder_decode(PyObject *self_, PyObject *args)
{
	struct coder *self = (struct coder *)self_;
	CLEAN_CALL struct call *call = NULL;
	CLEAN_REF PyObject *blocks = NULL;
	CLEAN_REF PyObject *numbers = NULL;
	PyObject *inblocks, *blocknums;
	size_t missing = 0;
	int k;

	if (!PyArg_ParseTuple(args, "OO:Decoder.decode", &inblocks, &blocknums))
		return NULL;
	call = call_new(self);
	if (!call)
		return NULL;
	blocks = items_of(inblocks, "First argument was not a sequence.");
	if (!blocks)
		return NULL;
	numbers = items_of(blocknums, "Second argument was not a sequence.");
	if (!numbers)
		return NULL;
	k = (int)call->code->k;
	if (PyTuple_Size(blocks) != k)
		return PyErr_Format(call->state->error,
			"Precondition violation: Wrong length -- first argument is required to "
			"contain exactly k blocks.  len(first): %zd, k: %d",
			PyTuple_Size(blocks), k);
	if (PyTuple_Size(numbers) != k)
		return PyErr_Format(call->state->error,
			"Precondition violation: Wrong length -- blocknums is required to contain "
			"exactly k blocks.  len(blocknums): %zd, k: %d",
			PyTuple_Size(numbers), k);
	if (read_known(call, blocks, numbers) < 0)
		return NULL;
	for (unsigned i = 0; i < call->code->k; i++) {
		if (call->position[i] < 0)
			call->wanted_numbers[missing++] = i;
	}
	if (call_run(call, self, missing) < 0)
		return NULL;
	return decoded_list(call, blocks);
}

/* The ascending positions of the ${count} blocks that ${wrong} marks, as a tuple. */
static PyObject *positions_of(const struct call *call, const uint8_t *wrong, size_t count)
{
	PyObject *positions = PyTuple_New((Py_ssize_t)count);
	Py_ssize_t next = 0;

	for (size_t i = 0; positions && i < call->views_count; i++) {
		PyObject *position;

		if (!wrong[i])
			continue;
		position = PyLong_FromSize_t(i);
		if (!position || PyTuple_SetItem(positions, next++, position) < 0) {
			Py_DECREF(positions);
			return NULL;
		}
	}
	return positions;
}

PyObject *decoder_wrong_blocks(PyObject *self, PyObject *args)
{
	CLEAN_CALL struct call *call = NULL;
	CLEAN_REF PyObject *blocks = NULL;
	CLEAN_REF PyObject *numbers = NULL;
	PyObject *inblocks, *blocknums;
	uint8_t wrong[BLOCKS_MAX] = {0};
	struct sherd_error err;
	PyThreadState *thread;
	size_t count = 0;
	int r;

	if (!PyArg_ParseTuple(args, "OO:Decoder._wrong_blocks", &inblocks, &blocknums))
		return NULL;
	call = call_new((struct coder *)self);
	if (!call)
		return NULL;
	blocks = items_of(inblocks, "First argument was not a sequence.");
	if (!blocks)
		return NULL;
	numbers = items_of(blocknums, "Second argument was not a sequence.");
	if (!numbers)
		return NULL;
	if (PyTuple_Size(blocks) != PyTuple_Size(numbers) ||
		PyTuple_Size(blocks) < (Py_ssize_t)call->code->k ||
		PyTuple_Size(blocks) > (Py_ssize_t)call->code->m)
		return PyErr_Format(call->state->error,
			"Precondition violation: Wrong length -- as many blocks as blocknums are "
			"required, at least k and at most m.  len(blocks): %zd, len(blocknums): "
			"%zd, k: %d, m: %d",
			PyTuple_Size(blocks), PyTuple_Size(numbers), (int)call->code->k,
			(int)call->code->m);
	if (read_known(call, blocks, numbers) < 0)
		return NULL;

	thread = PyEval_SaveThread();
	r = sherd_fec_locate(call->code->fec, call->known_numbers, call->known, call->views_count,
		call->size, wrong, &count, &err);
	PyEval_RestoreThread(thread);
	if (r < 0) {
		raise_error(call->state, &err);
		return NULL;
	}
	return positions_of(call, wrong, count);
}
