# The calls that made the values of acceptance.toml marked "R". R 4.6.0 (2026-04-24), base and stats only.
# Rscript acceptance.R

# Exact and Wilson intervals of a rate
for (x in list(c(29, 29), c(0, 60), c(7, 10), c(33, 50), c(18, 24))) print(binom.test(x[1], x[2])$conf.int, digits = 10)
for (x in list(c(29, 29), c(0, 60), c(7, 10), c(33, 50))) print(prop.test(x[1], x[2], correct = FALSE)$conf.int, digits = 10)
print(binom.test(1, 261, conf.level = 0.9)$conf.int, digits = 10)
print(prop.test(1, 261, conf.level = 0.9, correct = FALSE)$conf.int, digits = 10)

# k of n
print(pbinom(6, 10, c(0.65, 0.02), lower.tail = FALSE), digits = 12)
print(pbinom(34, 50, 0.65, lower.tail = FALSE), digits = 12)
print(qbeta(c(0.5, 0.9, 0.95), 7, 4), digits = 12)
beta_binomial <- function(k, n, mean, rho) {
  a <- mean * (1 - rho) / rho; b <- (1 - mean) * (1 - rho) / rho; x <- k:n
  sum(choose(n, x) * beta(x + a, n - x + b) / beta(a, b))
}
print(c(beta_binomial(7, 10, 0.9, 0.1), beta_binomial(7, 10, 0.9, 0.3),
        beta_binomial(7, 10, 0.7, 0.2), beta_binomial(2, 3, 0.8, 0.1)), digits = 10)

# Paired: McNemar exact and mid-p, Tango by bisection of its statistic
for (x in list(c(3, 12), c(5, 5), c(0, 9), c(15, 4)))
  print(c(binom.test(x[1], sum(x))$p.value, 2 * pbinom(min(x), sum(x), 0.5) - dbinom(min(x), sum(x), 0.5)), digits = 10)
tango <- function(b, c, n, z = qnorm(0.975), e = 1e-9) {
  statistic <- function(d) {
    linear <- -b - c + (2 * n - b + c) * d
    q <- (sqrt(linear^2 + 8 * n * c * d * (1 - d)) - linear) / (4 * n)
    (b - c - n * d) / sqrt(n * (2 * q + d * (1 - d)))
  }
  root <- function(at, from, to) uniroot(function(d) statistic(d) - at, c(from, to), tol = 1e-13)$root
  c(if (b - c == -n) -1 else root(z, -1 + e, (b - c) / n - 1e-12),
    if (b - c == n) 1 else root(-z, (b - c) / n + 1e-12, 1 - e))
}
for (x in list(c(0, 0, 30), c(0, 0, 73), c(3, 12, 120), c(10, 0, 10))) print(tango(x[1], x[2], x[3]), digits = 8)

# Many comparisons, and a group against the rest
print(p.adjust(c(0.01, 0.04, 0.03, 0.005, 0.5), "holm"))
print(fisher.test(matrix(c(8, 2, 120, 11), 2))$p.value, digits = 10)
print(fisher.test(matrix(c(3, 7, 130, 1), 2))$p.value, digits = 10)

# Hit / miss on ln size; a90/95 by the delta method and by the likelihood ratio
size <- c(50, 75, 100, 125, 150, 175, 200, 250, 300, 400); hits <- c(0, 2, 4, 5, 7, 8, 9, 10, 10, 10)
for (link in c("logit", "probit")) {
  fit <- glm(cbind(hits, 10 - hits) ~ log(size), family = binomial(link), control = glm.control(1e-14, 100))
  eta <- make.link(link)$linkfun(0.9); at <- (eta - coef(fit)[1]) / coef(fit)[2]
  gradient <- c(-1 / coef(fit)[2], -at / coef(fit)[2]); error <- sqrt(t(gradient) %*% vcov(fit) %*% gradient)
  print(c(coef(fit), exp(-coef(fit)[1] / coef(fit)[2]), exp(at), exp(at + qnorm(0.95) * error)), digits = 10)
  drop <- function(z) {
    loss <- function(b) -sum(dbinom(hits, 10, make.link(link)$linkinv(eta + b * (log(size) - z)), log = TRUE))
    2 * (optimize(loss, c(0.01, 30), tol = 1e-12)$objective + as.numeric(logLik(fit))) - qchisq(0.9, 1)
  }
  print(exp(uniroot(drop, c(at, at + 1.5), tol = 1e-12)$root), digits = 10)
}

# Bliss (1935), beetles and carbon disulphide
dose <- 10^c(1.6907, 1.7242, 1.7552, 1.7842, 1.8113, 1.8369, 1.8610, 1.8839)
n <- c(59, 60, 62, 56, 63, 59, 62, 60); dead <- c(6, 13, 18, 28, 52, 53, 61, 60)
for (link in c("logit", "probit")) print(coef(glm(cbind(dead, n - dead) ~ log(dose), family = binomial(link))), digits = 10)
