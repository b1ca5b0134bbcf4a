"""The English words the tutor understands. Phrases are separated by bars; the longest one that fits is taken."""

from __future__ import annotations

from typing import Final

from tutor.language.cues import Cue

# A vocabulary is read by the line.
# fmt: off
CUES: Final = {
    Cue.PLOT: "in a plot | in a diagram | on a graph | in a graph | as a plot | as a graph"
    " | plot | plots | plotting | plotted | draw | drawing | drawn | sketch | visualize | visualise | chart"
    " | graph it | graph them | graph this | graph that | show the graph | show me the graph | show a graph"
    " | diagram | show me a graph | see the graph | see a graph | display the graph | make a graph | create a graph"
    " | graphically | give me the graph | give me a graph | produce a graph | generate a graph | show the curve"
    " | show its graph | show me its graph | picture of | show me the curve | look like | looks like"
    " | show the function graph | give a graph | add a graph | the graph please | a graph please | create the graph"
    " | generate the graph | make the graph | show the plot | what is the graph of | what does the graph of",
    Cue.DERIVATIVE: "derivative | derivatives | differentiate | differentiating | differentiation | differential of"
    " | derive | d/dx | d/dt | d/dz | dy/dx | df/dx | slope | gradient | rate of change | derivation"
    " | instantaneous rate of change | slope of the tangent | d**2/dx**2",
    Cue.INTEGRAL: "integral | integrals | integrate | integrating | integration | antiderivative | antiderivatives"
    " | anti-derivative | primitive | primitive function | definite integral | indefinite integral",
    Cue.AREA: "area under | area below | area beneath | area under the curve of | area under the curve"
    " | area under the graph of | area under the graph | area of the region under | area between | area enclosed"
    " | area bounded | area enclosed by | area bounded by | area enclosed between | area of the region between"
    " | area of the region enclosed by | area of the region bounded by | area between the curves"
    " | area between the graphs of | area enclosed by the curves | area enclosed by the graphs of"
    " | area between the two curves | region between | region enclosed by | region bounded by",
    Cue.CONCAVE: "concave | concave down | concave downward | concave downwards",
    Cue.CONVEX: "convex | concave up | concave upward | concave upwards",
    Cue.CURVATURE: "concavity | convexity | curvature behaviour | concave or convex | convex or concave"
    " | concave or is it convex | convex or is it concave | concave up or down | concave up or concave down"
    " | concave convex or neither | convex concave or neither | concave or convex or neither"
    " | convex or concave or neither",
    Cue.INFLECTION: "inflection point | inflection points | points of inflection | point of inflection | inflections"
    " | inflexion points | inflection",
    Cue.INCREASING: "increasing | increase | increases | rising | growing | monotonically increasing"
    " | strictly increasing",
    Cue.DECREASING: "decreasing | decrease | decreases | falling | monotonically decreasing | strictly decreasing",
    Cue.MONOTONY: "monotonicity | monotonic | monotone | monotony | increasing or decreasing"
    " | increasing and decreasing | increasing and where it is decreasing | increasing or is it decreasing",
    Cue.SOLVE: "solve | solves | solving | solved | solution | solutions | solve the equation | work out x",
    Cue.ROOTS: "roots | root | zero | zeros | zeroes | zero points | nullstellen | x-intercepts | x-intercept"
    " | cross the x-axis | crosses the x-axis | cut the x-axis | cuts the x-axis | meet the x-axis | hit the x-axis"
    " | intersect the x-axis | intersects the x-axis | touch the x-axis | touches the x-axis | hits the x-axis"
    " | equal to zero | become zero | becomes zero | vanish | vanishes | zeros of",
    Cue.EVALUATE: "evaluate | evaluated | evaluating | value | values | function value | function values | plug in"
    " | substitute | numerical value",
    Cue.MAXIMUM: "maximum | maxima | max | highest point | peak | peaks | largest value | greatest value | maximize"
    " | maximise | maximal value | highest value | maximum value | maximum values | maximal | biggest value"
    " | maximum point | maximum points",
    Cue.MINIMUM: "minimum | minima | min | lowest point | smallest value | least value | minimize | minimise"
    " | minimal value | lowest value | minimum value | minimum values | minimal | minimum point | minimum points",
    Cue.EXTREMA: "extrema | extremum | extreme points | extreme values | turning points | turning point"
    " | critical points | critical point | stationary points | stationary point | maxima and minima"
    " | minima and maxima | maximum and minimum | minimum and maximum | maximum or minimum | minimum or maximum"
    " | max and min | min and max | vertex | extreme point | maximum and the minimum | minimum and the maximum"
    " | minimum or a maximum | maximum or a minimum | maxima or minima | extremal points | maxima and the minima"
    " | local maxima and minima | local extrema | local maximum and minimum",
    Cue.LIMIT: "what happens to | happens to | limit | limits | lim | limiting value",
    Cue.TABLE: "table | tabulate | value table | table of values | values table | csv table | csv | list of values"
    " | csv file | table of the values | spreadsheet | table of function values",
    Cue.SIMPLIFY: "simplify | simplified | simplification | simplest form | reduce | cancel | simplest",
    Cue.EXPAND: "expand | expanded | multiply out | expansion | expanded form",
    Cue.FACTOR: "factor | factorize | factorise | factored | factoring | factorization | factorisation"
    " | factored form | factors",
    Cue.INTERSECTION: "intersection | intersections | intersect | intersects | intersection point | meet"
    " | intersection points | points of intersection | point of intersection | cross | cross each other"
    " | intersect each other | meet each other",
    Cue.INTERCEPT: "y-intercept | y-intercepts | cross the y-axis | crosses the y-axis | cut the y-axis"
    " | cuts the y-axis | intersects the y-axis | intersect the y-axis | hits the y-axis | meets the y-axis",
    Cue.TANGENT: "tangent | tangent line | tangents | equation of the tangent | equation of the tangent line"
    " | tangent equation",
    Cue.ANALYSIS: "analyse | analyze | analysis | curve sketching | discuss | examine | investigate | study"
    " | properties",
    Cue.NORMAL: "normal line | normal | normal lines | equation of the normal | equation of the normal line"
    " | normal equation",
    Cue.DOMAIN: "domain | domain of | the domain | where defined | natural domain | defined | undefined | maximal domain",
    Cue.VALUES_TAKEN: "range of | range of values | range of the function | what is the range | what's the range"
    " | find the range | its range | range and | value range | values taken | set of values",
    Cue.PARITY: "even or odd | odd or even | even odd or neither | odd even or neither | even | odd | even function"
    " | odd function | symmetric | symmetry | symmetrical | parity | axis of symmetry",
    Cue.INVERSE: "inverse | inverse function | inverse of | inverse function of | invertible | invert",
    Cue.ASYMPTOTES: "asymptote | asymptotes | vertical asymptote | vertical asymptotes | horizontal asymptote"
    " | horizontal asymptotes | slant asymptote | slant asymptotes | oblique asymptote | oblique asymptotes",
    Cue.PERIODIC: "period of | period | periodic | periodicity | fundamental period",
    Cue.FIND: "who are | who is | compare | comparison of | comparison | find | express | convert | write | rewrite | calculate | compute | determine | what is | what's"
    " | whats | what are | give | give me | show | show me | tell me | get | obtain | work out | how much is"
    " | what do you get for | which is | state | where is | where are | what will be | what would be"
    " | evaluate the integral | list | report | where does | where do | at which | at which points | at what points"
    " | at what | which | for which | for what | what value of | which value of | for what values of"
    " | for which values of | for which value of | what values of | when is | when does | when are | what was"
    " | identify | name | provide | print | where | find out | how big is | how large is | what does | what do",
    Cue.MEAN: "mean | average | averages | arithmetic mean | mean value",
    Cue.MEDIAN: "median",
    Cue.DEVIATION: "standard deviation | std | deviation | standard deviations | spread",
    Cue.VARIANCE: "variance",
    Cue.TOTAL: "sum | total | totals | add up",
    Cue.COUNT: "count | how many | number of | how often",
    Cue.CORRELATION: "correlation | correlate | correlated | correlation coefficient | correlates | correlations",
    Cue.DESCRIBE: "describe | summary | summarize | summarise | statistics | summary statistics | stats | overview"
    " | descriptive statistics | basic statistics | key figures",
    Cue.HISTOGRAM: "histogram | histograms | distribution | frequency plot",
    Cue.SCATTER: "scatter | scatter plot | scatterplot | scatter chart | scatter diagram",
    Cue.BARS: "bar | bars | bar chart | barchart | bar plot | bar graph | column chart | bar diagram",
    Cue.LINES: "line chart | line plot | line graph | line diagram | time series | lines | as a line",
    Cue.BOXES: "box plot | boxplot | box plots | boxplots | box-and-whisker plot",
    Cue.PIE: "pie | pie chart | piechart | pie graph | pie diagram | pie plot | donut chart | doughnut chart",
    Cue.TREND: "trend | trend line | trendline | regression | regression line | linear regression | linear fit"
    " | best fit | best fit line | line of best fit | fitted line | linear trend | trend-line",
    Cue.AGAINST: "against | versus | vs",
    Cue.BY: "by | per | grouped by | group by | for each | by each",
    Cue.OVER: "over | over time",
    Cue.COLUMN: "what columns | which columns | what are the columns | column names | names of the columns | column | columns | field | variable called",
    Cue.FILE: "file | csv data | data | dataset | data set | attachment | attached | uploaded | upload | excel"
    " | attached file | spreadsheet file | attached csv | uploaded csv | uploaded file | attached data",
    Cue.ROWS: "rows | row | records | entries | lines of data | observations",
    Cue.MISSING: "missing | missing values | missing value | missing data | empty cells | nan | nans | null values"
    " | empty values | blank cells | blanks | gaps in the data",
    Cue.PERIOD: "month | months | monthly | per month | by month | each month | year | years | yearly | per year"
    " | by year | each year | quarter | quarterly | per quarter | by quarter | weekly | per week | by week | daily"
    " | per day | by day | annual | annually",
    Cue.BINS: "bins | buckets | classes",
    Cue.DISTINCT: "unique | distinct | how many different | how many unique",
    Cue.HIGHEST: "most expensive | priciest | ranking | latest | newest | most recent | sort | sorted | rank | ranked | order by | descending | highest | largest | biggest | greatest | most | top | best | leading",
    Cue.LOWEST: "least expensive | cheapest | earliest | oldest | ascending | lowest | smallest | fewest | least | bottom | worst",
    Cue.SHARE: "what percent of | what percentage of | what share of | which percentage of | how much of | what percent"
    " | what percentage | what share | what proportion of | share | shares | proportion | percent | percentage",
    Cue.AND: "and | as well as | along with | together with | together | with",
    Cue.OR: "or | or is it | or not",
    Cue.FROM: "from | starting at | starting from | ranging from | going from | running from",
    Cue.TO: "to | until | up to | through | till | and ending at",
    Cue.BETWEEN: "between | in between",
    Cue.FOR: "for | where x is | where x lies | when | if | where we have | such that | so that | given | given that | with the value | having"
    " | letting | let | using | provided that | satisfying | satisfies | satisfy | assuming | suppose | supposing"
    " | considering | setting | take | taking | taken at | assume",
    Cue.AT: "at | at the point | in the point | at position | at point | at the value | at the position",
    Cue.ON: "on | on the interval | over the interval | in the interval | in the range | over the range | within"
    " | on the range | inside | in | interval | range | across | limits of integration | with bounds"
    " | over the domain | on the domain | in the domain | the interval | for the interval | for the range",
    Cue.OF: "of",
    Cue.BE: "is | are | does | do | did | was | were | be | has | have | had | being | isn't | doesn't | will",
    Cue.RESPECT: "with respect to | in respect to | wrt | w.r.t. | with regard to | in terms of | respecting",
    Cue.UNKNOWN: "variable | unknown | variables | unknowns | parameter | parameters | constant | constants",
    Cue.APPROACHES: "approaches | approaching | tends to | tend to | tending to | goes to | going to | goes towards"
    " | towards | gets close to | approach | tends towards | converges to | toward | as it approaches",
    Cue.THEN: "then | after that | afterwards | next | finally | moreover | and then"
    " | furthermore | first of all | firstly | secondly | lastly | subsequently | besides",
    Cue.ALSO: "also | too | as well | additionally | in addition | and also | add | also add | plus also",
    Cue.FIRST: "first | 1st",
    Cue.SECOND: "second | 2nd | twice",
    Cue.THIRD: "third | 3rd",
    Cue.FOURTH: "fourth | 4th",
    Cue.LEFT: "from the left | left | from below | left-hand | left-sided",
    Cue.RIGHT: "from the right | right-hand | from above | right-sided",
    Cue.INTERVAL: "intervals | regions",
    Cue.STEP: "step | steps | steps of | step size | in steps of | step width | with step | increments of"
    " | increment | in increments of | with a step of | with steps of | stepsize | spacing | with a step size of",
    Cue.POINTS: "points | data points | sample points | values in between",
    Cue.SYSTEM: "system | systems | simultaneous | simultaneously | system of equations | system of linear equations"
    " | set of equations | linear system | equation system | simultaneous equations | both equations"
    " | pair of equations",
    Cue.POSITIVE: "positive",
    Cue.NEGATIVE: "negative",
    Cue.REAL: "over the reals | over the real numbers | real numbers | real | real-valued",
    Cue.COMPLEX: "over the complex numbers | in the complex numbers | complex numbers | over the complex plane"
    " | complex | imaginary",
    Cue.GREATEST: "global | absolute | overall",
    Cue.LOCAL: "local | relative",
    Cue.DIFFERENTIAL: "dx | dt | dy | dz | du | dv | ds | dr | dp | dq | dw",
    Cue.PLACES: "decimal places | decimals | digits | decimal place | significant digits | significant figures",
    Cue.X_AXIS: "x-axis | x-direction",
    Cue.Y_AXIS: "y-axis",
    Cue.WITHOUT: "without | no | don't | not necessary to | do not | no need to | except",
    Cue.NOT: "not",
    Cue.BOTH: "both | both of them | them both | all of them",
    Cue.IT: "it | them",
    Cue.PRONOUN: "its | this | that | these | those | same | there | here | their | they | it's | that's"
    " | above | previous | last | result | each other | other | this one | that one",
    Cue.FUNCTION: "function | line | straight line | functions | curve | curves | graphs | expression | term"
    " | polynomial | parabola | formula | function's | polynomials | expressions | line graphs | parabolas | cubic"
    " | quadratic | trigonometric | exponential | logarithmic | rational | linear | hyperbola | fraction"
    " | quadratic function | cubic function | terms",
    Cue.GRAPH: "graph | graph of | graphs of | graph of the function | function graph | curve of",
    Cue.EQUATION: "equation | equations | inequality | inequalities | problem | problems | identity | formulae",
    Cue.EXPLAIN: "explain | explanation | explain how | explain why | why | how | how it works | why you used"
    " | explain your steps | step by step | steps you took | works | worked | describe how | describe your steps"
    " | show your work | show the steps | show steps | with explanation",
    Cue.AGAIN: "what about | how about | and what about | what if | now | instead | again | and now | change | but"
    " | same for | do the same for | the same for | the same with | likewise",
    Cue.FILLER: "as a fraction | to a fraction | as a decimal | to decimal | to a decimal | into a decimal"
    " | as decimal | the | a | an | please | pls | could | can | would | you | i | me | my | we | us | our | want"
    " | need | like | i'd | i'm | i'll | let's | lets | kindly | just | help | so | well | ok | okay | hey | as"
    " | by hand | to know | know | see | would like | in python | python | code | program | script | your | use"
    " | used | exact | exactly | numerically | numeric | numerical | analytically | symbolically | homework"
    " | given by | defined by | described by | defined as | definition | called | named | quick | quickly | question"
    " | following | below | here is | here's | all | any | every | some | each | whether | if it is | point | number"
    " | numbers | answer | answers | figure | image | picture | plane | coordinate system | same diagram | in one"
    " | in one diagram | in one plot | in the same diagram | in the same plot | in a single plot | in one picture"
    " | in one graph | in the same graph | on one graph | on the same graph | on the same axes | in the same picture"
    " | same plot | same axes | single | legend | grid | labels | label | title | axis | axes | nice | clear"
    " | for me | me know | us know | i want to | i need to | i would like to | to me | able | possible"
    " | again please | calculus | math | maths | mathematics | algebra | arithmetic | simple | calculation | task"
    " | exercise | then please | real quick | sure | thing | something | time | right | correct | true | actually"
    " | really | very | much | more | only | also please | who | you to | need to | want to | set | equal"
    " | taking the | respectively | general | different | corresponding | over here | whole | student | teacher"
    " | class | test | exam | tomorrow | today"
    " | in it | as a function of | region | mark | marked | highlight | shown | on paper"
    " | doing | done | make | create | generate | produce | build | display | save | download | export | to a | as a"
    " | into a | into | containing | contains | output | format | form | in the form | out | off | up | how to"
    " | understand | understanding | dear | tutor | bot | assistant | wave | everywhere | anywhere"
    " | entire | domain of definition | overall shape | shape | behaviour | behavior | behave | behaves | near | around | good | great"
    " | equals sign | rounded | accurate | rounding | equation of | about what | sided | hand | side | sides"
    " | perfect | nicely | bit | little | am | i've | got | try | trying | figure out | check | verify | decide"
    " | sold | say | comes | come | coming | sell | sells | selling | prove that | turns | turn | become | becomes | exist | exists | kind",
    Cue.HELLO: "hello | hi | hi there | hey there | good morning | good afternoon | good evening | hello there | greetings"
    " | how are you | nice to meet you",
    Cue.THANKS: "thanks | thank you | thank you very much | many thanks | thx | cheers | cool | awesome"
    " | great thanks | thanks a lot | thank you so much | well done | wonderful | excellent | got it",
    Cue.HELP: "help me | what can you do | what do you do | who are you | how can you help | what can i ask"
    " | what are you | are you chatgpt | are you a chatbot | are you a language model | are you an ai | are you gpt"
    " | which model are you | what model are you | are you human | are you a robot | how do you work | what are your capabilities | can you help | what are you able to do"
    " | what can you do for me | what can i ask you | what kind of questions can i ask",
    Cue.GOODBYE: "bye | goodbye | see you | good night | bye bye",
    Cue.UNABLE: "differential equation | differential equations | ode"
    " | matrix | matrices | determinant | eigenvalue | eigenvalues | eigenvector | eigenvectors | vector | vectors"
    " | probability | laplace | fourier | transform | taylor | maclaurin | series | binomial | prime | primes"
    " | volume | surface area | arc length | partial | partial derivative | modulo | mod | proof | prove | theorem"
    " | inverse matrix | rotated | revolution | solid | distance | perimeter"
    " | triangle | circle | angle | interest | greatest common divisor"
    " | least common multiple | gcd | lcm | permutation | combinations | convolution | expected value"
    " | cross product | dot product | remainder | divisible | implicit | implicitly | continuous | differentiable"
    " | injective | surjective | amplitude"
    " | 3d | contour | surface",
}

OPERATORS: Final = {
    "plus": "+", "minus": "-", "times": "*", "multiplied by": "*", "multiplied with": "*", "divided by": "/",
    "over": "/", "to the power of": "**", "to the power": "**", "raised to the power of": "**", "raised to": "**",
    "equals": "=", "is equal to": "=", "equal to": "=", "equal": "=", "is greater than": ">", "is less than": "<",
    "greater than": ">", "exceed": ">", "exceeds": ">", "less than": "<", "is at least": ">=", "is at most": "<=",
    "at least": ">=", "at most": "<=", "greater than or equal to": ">=", "less than or equal to": "<=",
    "is smaller than": "<", "smaller than": "<", "is greater than or equal to": ">=",
    "is less than or equal to": "<=", "is": "=", "bigger than": ">", "is larger than": ">", "larger than": ">",
    "to the": "**", "percent of": "% *", "% of": "% *", "are": "=", "is bigger than": ">", "is above": ">",
    "is below": "<", "be": "=", "has the value": "=", "takes the value": "=", "set to": "=", "set equal to": "=",
}
"""Words that join two formulas, and the sign they stand for; between anything else they are plain words."""

POSTFIXES: Final = {
    "squared": "** 2", "cubed": "** 3", "to the third": "** 3", "factorial": "!", "degrees": "°", "degree": "°", "deg": "°",
    "percent": "%",
}
"""Words after a formula."""

PREFIXES: Final = {
    "square root of": "sqrt", "the square root of": "sqrt", "cube root of": "cbrt", "sine of": "sin",
    "the cube root of": "cbrt", "cosine of": "cos", "sinus of": "sin", "logarithm of": "log",
    "natural logarithm of": "ln", "natural log of": "ln", "the natural logarithm of": "ln",
    "absolute value of": "Abs", "the absolute value of": "Abs", "exponential of": "exp", "log of": "log",
    "sqrt of": "sqrt", "sin of": "sin", "cos of": "cos", "ln of": "ln",
}
"""Words before a formula, and the function they stand for."""

FORMULAS: Final = {
    "sine wave": "sin(x)", "sinus wave": "sin(x)", "sine curve": "sin(x)", "sine function": "sin(x)",
    "sinusoid": "sin(x)", "sinus function": "sin(x)", "sinus curve": "sin(x)", "cosine wave": "cos(x)",
    "cosine curve": "cos(x)", "cosine function": "cos(x)", "tangent function": "tan(x)",
    "exponential function": "exp(x)", "natural logarithm": "ln(x)", "absolute value function": "Abs(x)",
    "square root function": "sqrt(x)", "identity function": "x", "standard parabola": "x**2", "sine": "sin(x)",
    "cosine": "cos(x)", "bell curve": "exp(-x**2/2)/sqrt(2*pi)", "gaussian curve": "exp(-x**2/2)/sqrt(2*pi)",
    "gaussian": "exp(-x**2/2)/sqrt(2*pi)", "standard normal distribution": "exp(-x**2/2)/sqrt(2*pi)",
    "normal distribution": "exp(-x**2/2)/sqrt(2*pi)", "standard normal density": "exp(-x**2/2)/sqrt(2*pi)",
    "sigmoid": "1/(1 + exp(-x))", "sigmoid function": "1/(1 + exp(-x))", "logistic function": "1/(1 + exp(-x))",
    "logistic curve": "1/(1 + exp(-x))", "tangent curve": "tan(x)", "exponential curve": "exp(x)",
    "unit circle": "x**2 + y**2 = 1", "logarithm function": "ln(x)",
}
"""Functions known by a name."""

NUMBERS: Final = {
    "zero": "0", "one half": "1/2", "half": "1/2", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "ten": "10", "twelve": "12", "hundred": "100",
}
"""Number words; they count as numbers where mathematics stands beside them."""
