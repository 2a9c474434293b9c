/* SPDX-License-Identifier: MIT */
/*
 * plan.c - how long k of n shares last (sherd_plan).
 *
 * A birth-death chain: in state i, i places of n are lost. The next is lost at the rate
 * (n - i) * a, a the yearly rate of one; each of the i lost ones is noticed and repaired at the
 * rate 365 / T. The time to go from i to i + 1 is t_i = 1/l_i + m_i/l_i * t_(i-1), and data is lost
 * after t_0 + ... + t_(n-k). This is on the safe side of the truth by up to a half (it lets n-k+1
 * losses come at any time); counting windows of T days, as others do, forgets losses that straddle
 * two windows and is too low by about a factor n-k+1.
 *
 * Places of one failure domain are lost together: the chain then runs over domains, and data is
 * lost with the least number of domains whose places are more than n - k, the largest first.
 */
#include <sherd/repo.h>

#include <math.h>

#include <base/err.h>
#include <base/intmath.h>

enum { plan_places_max = 256 };

struct setting {
	unsigned sizes[plan_places_max]; /* of the domains, largest first */
	unsigned domains, places;
	double rate;   /* losses of a domain a year */
	double repair; /* repairs a year */
	double down;
};

/* The least number of domains, whichever they are at worst, whose loss leaves fewer than k places.
 */
static unsigned domains_to_lose(const struct setting *s, unsigned k)
{
	unsigned gone = 0, count = 0;

	while (count < s->domains && s->places - gone >= k)
		gone += s->sizes[count++];
	return s->places - gone >= k ? s->domains + 1 : count;
}

/* Probability that data is lost within a year. */
static double loss_a_year(const struct setting *s, unsigned fatal)
{
	double step = 0, years = 0;

	for (unsigned i = 0; i < fatal; i++) {
		double lost = (s->domains - i) * s->rate;

		step = (1 + i * s->repair * step) / lost;
		years += step;
	}
	return -expm1(-1 / years);
}

/*
 * Probability that fewer than k places are there, each domain being away with probability p:
 * the distribution of how many places are there is built up domain by domain.
 */
static double too_few(const struct setting *s, unsigned k, double p)
{
	double there[plan_places_max + 1] = {1};
	unsigned most = 0;
	double sum = 0;

	for (unsigned d = 0; d < s->domains; d++) {
		unsigned size = s->sizes[d];

		most += size;
		for (unsigned n = most + 1; n-- > 0;)
			there[n] = there[n] * p + (n >= size ? there[n - size] * (1 - p) : 0);
	}
	for (unsigned n = 0; n < k; n++)
		sum += there[n];
	return sum;
}

static int read_domains(
	const struct sherd_plan_options *o, struct setting *s, struct sherd_error *err)
{
	unsigned sum = 0;

	s->places = o->places;
	s->domains = o->domains ? (unsigned)o->domain_count : o->places;
	if (!o->places || o->places > plan_places_max || s->domains > o->places || !s->domains)
		return err_set(err, SHERD_INVALID, "a plan is for 1 to %d places", plan_places_max);
	for (unsigned i = 0; i < s->domains; i++) {
		unsigned size = o->domains ? o->domains[i] : 1, at = i;

		if (!size || size > o->places)
			return err_set(err, SHERD_INVALID, "a failure domain has 1 place or more");
		while (at > 0 && s->sizes[at - 1] < size) {
			s->sizes[at] = s->sizes[at - 1];
			at--;
		}
		s->sizes[at] = size;
		sum += size;
	}
	if (sum != o->places)
		return err_set(err, SHERD_INVALID,
			"the failure domains have %u places together, not %u", sum, o->places);
	return 0;
}

static double or_default(double value, double otherwise)
{
	return value > 0 ? value : otherwise;
}

int sherd_plan(const struct sherd_plan_options *options, struct sherd_plan_row *rows,
	size_t *ret_count, struct sherd_error *err)
{
	static const double unrepaired_years = 5;
	struct setting s = {0};
	double loss;
	int code;

	if (!options || !rows || !ret_count)
		return err_set(err, SHERD_INVALID, "an argument is missing");
	code = read_domains(options, &s, err);
	if (code)
		return code;
	loss = or_default(options->place_loss_year, 0.05);
	s.rate = loss;
	s.repair = 365 / or_default(options->repair_days, 30);
	s.down = or_default(options->place_down, 0.01);
	if (loss >= 1 || s.down >= 1)
		return err_set(err, SHERD_INVALID, "a probability is below 1");
	for (unsigned k = 1; k <= s.places; k++) {
		unsigned fatal = domains_to_lose(&s, k);

		rows[k - 1] = (struct sherd_plan_row){
			.k = k,
			.n = s.places,
			.may_lose = fatal - 1,
			.stored = (double)s.places / k,
			.loss_year = loss_a_year(&s, INT_MIN_OF(fatal, s.domains)),
			.unreadable = too_few(&s, k, s.down),
			.loss_unrepaired = too_few(&s, k, -expm1(-loss * unrepaired_years)),
		};
	}
	*ret_count = s.places;
	return 0;
}
