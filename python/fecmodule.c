/* SPDX-License-Identifier: MIT */
/*
 * fecmodule.c - the extension module sherd.zfec._fec: Encoder, Decoder, Error, test_from_agl().
 *
 * Only the stable ABI of Python 3.11 is used, so one file serves that and all later versions. There
 * is no static state: the exception type lives in the module, and each object points to it. What
 * the methods do is in feccall.c.
 */
#include "fecmodule.h"
#include <structmember.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

void raise_error(struct module_state *state, const struct sherd_error *err)
{
	if (err->code == SHERD_NOMEM)
		PyErr_NoMemory();
	else
		PyErr_SetString(state->error, err->message);
}

static int check_parameters(struct coder *self, int k, int m)
{
	PyObject *error = self->state->error;

	if (k < 1)
		PyErr_Format(error,
			"Precondition violation: first argument is required to be greater than or "
			"equal to 1, but it was %d",
			k);
	else if (m < 1)
		PyErr_Format(error,
			"Precondition violation: second argument is required to be greater than or "
			"equal to 1, but it was %d",
			m);
	else if (m > 256)
		PyErr_Format(error,
			"Precondition violation: second argument is required to be less than or "
			"equal to 256, but it was %d",
			m);
	else if (k > m)
		PyErr_Format(error,
			"Precondition violation: first argument is required to be less than or "
			"equal to the second argument, but they were %d and %d respectively",
			k, m);
	else
		return 0;
	return -1;
}

/*
 * Both __init__()s. Called once more on the same object it replaces the code, or, when it fails,
 * leaves the object as it was. The interpreter's lock is kept: sherd_fec_new() reads the
 * environment, which other threads change under that lock.
 */
static int coder_init(
	struct coder *self, PyObject *args, PyObject *keywords, const char *format, int encodes)
{
	static const char *const names[] = {"k", "m", NULL};
	struct fec_code *code;
	struct fec_plan *all = NULL;
	struct sherd_error err;
	char *names_copy[3];
	int k, m;

	/* PyArg_ParseTupleAndKeywords() wants char **, and does not write to it. */
	memcpy(names_copy, names, sizeof(names));
	if (!PyArg_ParseTupleAndKeywords(args, keywords, format, names_copy, &k, &m))
		return -1;
	if (check_parameters(self, k, m) < 0)
		return -1;
	if (fec_code_new((unsigned)k, (unsigned)m, &code, &err) < 0) {
		raise_error(self->state, &err);
		return -1;
	}
	if (encodes && fec_plan_all(code, &all, &err) < 0) {
		raise_error(self->state, &err);
		fec_code_unref(code);
		return -1;
	}
	fec_plan_unref(self->all);
	fec_plan_unref(self->last);
	fec_code_unref(self->code);
	self->all = all;
	self->last = NULL;
	self->code = code;
	self->k = k;
	self->m = m;
	return 0;
}

static int encoder_init(PyObject *self, PyObject *args, PyObject *keywords)
{
	return coder_init((struct coder *)self, args, keywords, "ii:Encoder.__init__", 1);
}

static int decoder_init(PyObject *self, PyObject *args, PyObject *keywords)
{
	return coder_init((struct coder *)self, args, keywords, "ii:Decoder.__init__", 0);
}

static struct PyModuleDef fec_module;

/* The state of the module that made ${type} or, for a subclass, the nearest base that has one. */
static struct module_state *state_of(PyTypeObject *type)
{
	while (type) {
		PyObject *module = PyType_GetModule(type);

		if (module && PyModule_GetDef(module) == &fec_module)
			return PyModule_GetState(module);
		PyErr_Clear();
		type = PyType_GetSlot(type, Py_tp_base);
	}
	PyErr_SetString(PyExc_SystemError, "not a type of _fec");
	return NULL;
}

static PyObject *coder_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	struct module_state *state = state_of(type);
	allocfunc alloc;
	PyObject *self;

	(void)args;
	(void)keywords;
	if (!state)
		return NULL;
	*(void **)&alloc = PyType_GetSlot(type, Py_tp_alloc);
	self = alloc(type, 0);
	if (self)
		((struct coder *)self)->state = state;
	return self;
}

static void coder_dealloc(PyObject *self_)
{
	struct coder *self = (struct coder *)self_;
	PyTypeObject *type = Py_TYPE(self_);
	freefunc release;

	fec_plan_unref(self->all);
	fec_plan_unref(self->last);
	fec_code_unref(self->code);
	*(void **)&release = PyType_GetSlot(type, Py_tp_free);
	release(self_);
	Py_DECREF(type);
}

static PyMemberDef coder_members[] = {
	{"k", T_INT, offsetof(struct coder, k), READONLY, "how many blocks suffice (read only)"},
	{"m", T_INT, offsetof(struct coder, m), READONLY, "how many blocks there are (read only)"},
	{NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(encode_doc,
	"encode(inblocks[, desired_blocks_nums])\n"
	"--\n"
	"\n"
	"Compute check blocks from the k primary blocks.\n"
	"\n"
	"inblocks: an iterable of exactly k bytes-like, C-contiguous objects of one\n"
	"length in bytes, which may be 0.\n"
	"desired_blocks_nums: an iterable of ints from 0 to m - 1 in any order, the\n"
	"same one as often as you like. Without it: all m blocks, in order.\n"
	"\n"
	"Returns a list: for a primary block the very object given in inblocks (not a\n"
	"copy: change it later and you change both), for a check block new bytes.\n"
	"\n"
	"The blocks are locked during the call (a bytearray cannot be resized), and\n"
	"must not be written to meanwhile. The interpreter's lock is released while\n"
	"computing. Any number of threads may use one Encoder at the same time.\n"
	"\n"
	"Raises TypeError or BufferError for arguments of the wrong kind, Error for\n"
	"wrong numbers or lengths, MemoryError.");

PyDoc_STRVAR(decode_doc,
	"decode(blocks, blocknums)\n"
	"--\n"
	"\n"
	"Compute the k primary blocks from any k blocks.\n"
	"\n"
	"blocks: an iterable of exactly k bytes-like, C-contiguous objects of one\n"
	"length in bytes, which may be 0.\n"
	"blocknums: an iterable of their k numbers, ints from 0 to m - 1, all\n"
	"different, in any order.\n"
	"\n"
	"Returns a list of the primary blocks 0 to k - 1 in order: given ones are the\n"
	"very objects given, missing ones are new bytes. The arguments are not\n"
	"changed. A wrong block cannot be noticed: there is nothing to check it with.\n"
	"\n"
	"The blocks are locked during the call (a bytearray cannot be resized), and\n"
	"must not be written to meanwhile. The interpreter's lock is released while\n"
	"computing. Any number of threads may use one Decoder at the same time.\n"
	"\n"
	"Raises TypeError or BufferError for arguments of the wrong kind, Error for\n"
	"wrong numbers or lengths, MemoryError.");

PyDoc_STRVAR(wrong_doc,
	"_wrong_blocks(blocks, blocknums)\n"
	"--\n"
	"\n"
	"Find the wrong ones among k or more blocks that should agree.\n"
	"\n"
	"blocks and blocknums as for decode(), but n >= k of each. Returns a tuple of\n"
	"the positions in blocks, ascending, of the one set of at most (n - k) // 2\n"
	"blocks without which all others agree; () if all agree. Raises Error if there\n"
	"is no such set. With n = k nothing can be noticed. The interpreter's lock is\n"
	"released while computing.");

static PyMethodDef encoder_methods[] = {
	{"encode", encoder_encode, METH_VARARGS, encode_doc},
	{NULL, NULL, 0, NULL},
};

static PyMethodDef decoder_methods[] = {
	{"decode", decoder_decode, METH_VARARGS, decode_doc},
	{"_wrong_blocks", decoder_wrong_blocks, METH_VARARGS, wrong_doc},
	{NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(encoder_doc,
	"Encoder(k, m)\n"
	"--\n"
	"\n"
	"Makes m blocks of k blocks, such that any k of them give the others back.\n"
	"\n"
	"k, m: ints, 1 <= k <= m <= 256; kept as the read-only attributes k and m.\n"
	"Blocks 0 to k - 1 are the data itself (primary), k to m - 1 are check\n"
	"blocks; a check block depends on k and its number, not on m.\n"
	"\n"
	"Method: Reed-Solomon code over GF(2^8), polynomial 0x11d, as in L. Rizzo,\n"
	"'Effective erasure codes for reliable computer communication protocols'\n"
	"(1997); the same bytes as zfec.\n"
	"\n"
	"Raises TypeError, OverflowError, or Error for numbers out of range.");

PyDoc_STRVAR(decoder_doc,
	"Decoder(k, m)\n"
	"--\n"
	"\n"
	"Gives the k primary blocks back from any k of the m that Encoder(k, m) makes.\n"
	"\n"
	"k, m: ints, 1 <= k <= m <= 256; kept as the read-only attributes k and m.\n"
	"Raises TypeError, OverflowError, or Error for numbers out of range.");

/* The C standard has no cast of a function to void *, POSIX does. */
#define SLOT(function) (__extension__(void *)(function))

static PyType_Slot encoder_slots[] = {
	{Py_tp_doc, (void *)(uintptr_t)encoder_doc},
	{Py_tp_new, SLOT(coder_new)},
	{Py_tp_init, SLOT(encoder_init)},
	{Py_tp_dealloc, SLOT(coder_dealloc)},
	{Py_tp_methods, encoder_methods},
	{Py_tp_members, coder_members},
	{0, NULL},
};

static PyType_Slot decoder_slots[] = {
	{Py_tp_doc, (void *)(uintptr_t)decoder_doc},
	{Py_tp_new, SLOT(coder_new)},
	{Py_tp_init, SLOT(decoder_init)},
	{Py_tp_dealloc, SLOT(coder_dealloc)},
	{Py_tp_methods, decoder_methods},
	{Py_tp_members, coder_members},
	{0, NULL},
};

/* Named "_fec." as in the original, which programs see in repr() and pickles of exceptions. */
static PyType_Spec encoder_spec = {
	.name = "_fec.Encoder",
	.basicsize = sizeof(struct coder),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = encoder_slots,
};

static PyType_Spec decoder_spec = {
	.name = "_fec.Decoder",
	.basicsize = sizeof(struct coder),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = decoder_slots,
};

/* From blocks 1, 2 and 3 of (3,5) block 0 comes back; 1 if so, 0 if not, negative for an error. */
static int agl_round_trip(struct sherd_error *err)
{
	enum { SIZE = 8 };
	static const unsigned known[] = {1, 2, 3}, wanted[] = {0};
	uint8_t data[3][SIZE], check[2][SIZE], result[SIZE] = {0};
	const uint8_t *given[3] = {data[0], data[1], data[2]};
	uint8_t *made[2] = {check[0], check[1]}, *restored[1] = {result};
	struct fec_code *code = NULL;
	struct fec_plan *encode = NULL, *decode = NULL, *cache = NULL;
	int r;

	for (int i = 0; i < 3; i++)
		memset(data[i], i + 1, SIZE);
	r = fec_code_new(3, 5, &code, err);
	if (r == 0)
		r = fec_plan_all(code, &encode, err);
	if (r == 0)
		r = fec_plan_get(code, NULL, &cache, known, wanted, 1, &decode, err);
	if (r == 0)
		r = sherd_fec_run(encode->plan, given, made, SIZE, NULL, err);
	if (r == 0) {
		const uint8_t *left[3] = {data[1], data[2], check[0]};

		r = sherd_fec_run(decode->plan, left, restored, SIZE, NULL, err);
	}
	fec_plan_unref(encode);
	fec_plan_unref(decode);
	fec_plan_unref(cache);
	fec_code_unref(code);
	return r < 0 ? r : memcmp(result, data[0], SIZE) == 0;
}

PyDoc_STRVAR(agl_doc,
	"test_from_agl()\n"
	"--\n"
	"\n"
	"A small round trip in C: True if block 0 of (3, 5) comes back from 1, 2 and 3.");

static PyObject *test_from_agl(PyObject *module, PyObject *args)
{
	struct sherd_error err;
	int r = agl_round_trip(&err);

	(void)args;
	if (r < 0) {
		raise_error(PyModule_GetState(module), &err);
		return NULL;
	}
	return PyBool_FromLong(r);
}

static int add_type(PyObject *module, PyType_Spec *spec)
{
	CLEAN_REF PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);

	return type ? PyModule_AddType(module, (PyTypeObject *)type) : -1;
}

static int module_exec(PyObject *module)
{
	struct module_state *state = PyModule_GetState(module);

	state->error = PyErr_NewExceptionWithDoc("_fec.Error",
		"A number or a length given to Encoder or Decoder is out of range.", NULL, NULL);
	if (!state->error || PyModule_AddObjectRef(module, "Error", state->error) < 0)
		return -1;
	if (add_type(module, &encoder_spec) < 0 || add_type(module, &decoder_spec) < 0)
		return -1;
	return 0;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
	struct module_state *state = PyModule_GetState(module);

	if (state)
		Py_VISIT(state->error);
	return 0;
}

/* No m_clear: an object may be used after its module was cleared, and then raises our Error. */
static void module_free(void *module)
{
	struct module_state *state = PyModule_GetState(module);

	if (state)
		Py_CLEAR(state->error);
}

static PyMethodDef module_methods[] = {
	{"test_from_agl", test_from_agl, METH_NOARGS, agl_doc},
	{NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
	{Py_mod_exec, SLOT(module_exec)},
	{0, NULL},
};

PyDoc_STRVAR(module_doc, "The Reed-Solomon code of zfec, computed by libsherd.");

static struct PyModuleDef fec_module = {
	PyModuleDef_HEAD_INIT,
	.m_name = "_fec",
	.m_doc = module_doc,
	.m_size = sizeof(struct module_state),
	.m_methods = module_methods,
	.m_slots = module_slots,
	.m_traverse = module_traverse,
	.m_free = module_free,
};

PyMODINIT_FUNC PyInit__fec(void);

PyMODINIT_FUNC PyInit__fec(void)
{
	return PyModuleDef_Init(&fec_module);
}
